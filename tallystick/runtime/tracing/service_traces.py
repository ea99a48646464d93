"""The traces of a service, as its settings want them."""

from tallystick.runtime.settings import PREFIX, Settings, SettingsError
from tallystick.runtime.tracing.traces import NO_TRACES, Traces


def service_traces(settings: Settings) -> Traces:
    """Return what follows requests; raise `SettingsError` when a collector is named and the extra is not installed."""
    if settings.traces_endpoint is None:
        return NO_TRACES
    try:
        from tallystick.runtime.tracing.otlp import OtlpTraces  # noqa: PLC0415 - there with the extra only, and slow to load
    except ModuleNotFoundError:
        raise SettingsError(f"{PREFIX}TRACES_ENDPOINT needs OpenTelemetry: install tallystick[otel]") from None
    return OtlpTraces.to_collector(settings.traces_endpoint, service=settings.service, ratio=settings.traces_ratio)
