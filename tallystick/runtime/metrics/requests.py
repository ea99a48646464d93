"""What was asked for, how it ended, and how long it took: over HTTP, over gRPC, and in the words of OAuth."""

from prometheus_client import CollectorRegistry, Counter, Histogram

# A remembered token is told of within a millisecond; a revocation takes a second on purpose.
_SECONDS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 1.5, 2.5, 5, 10)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER = "other"


class HttpRequests:
    """Requests by route, method and status; what we serve at no route, and methods that nobody has heard of, as one."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "tallystick_http_request_duration_seconds",
            "HTTP requests and how long they took, by route, method and status.",
            ("route", "method", "status"),
            buckets=_SECONDS,
            registry=registry,
        )

    def served(self, route: str | None, method: str, status: int, seconds: float) -> None:
        """Count a request; its route is None for none of ours, its status 0 when the other side was gone."""
        self._seconds.labels(
            _OTHER if route is None else route,
            method if method in _METHODS else _OTHER,
            str(status) if status else "none",
        ).observe(seconds)


class GrpcCalls:
    """Calls by method and status code, and refusals by reason. Methods that we do not serve are not counted."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "tallystick_grpc_call_duration_seconds",
            "gRPC calls and how long they took, by method and status code.",
            ("method", "code"),
            buckets=_SECONDS,
            registry=registry,
        )
        self._refusals = Counter(
            "tallystick_grpc_refusals",
            "gRPC calls that were not answered, by method and reason (google.rpc.ErrorInfo).",
            ("method", "reason"),
            registry=registry,
        )
        # Looking a child up in the metric costs more than observing does.
        self._known: dict[tuple[str, str], Histogram] = {}

    def ended(self, method: str, code: str, seconds: float, reason: str = "") -> None:
        """Count a call; `reason` is why it was refused, if it was."""
        child = self._known.get((method, code))
        if child is None:
            child = self._known[method, code] = self._seconds.labels(method, code)
        child.observe(seconds)
        if reason:
            self._refusals.labels(method, reason).inc()


class OAuthRefusals:
    """Refusals by endpoint and error code."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._refusals = Counter(
            "tallystick_oauth_refusals",
            "Requests that were refused over HTTP, by endpoint, OAuth error code or kind of page, and reason.",
            ("endpoint", "error", "reason"),
            registry=registry,
        )

    def at(self, endpoint: str) -> "RefusalsAt":
        """Return what counts those of one endpoint."""
        return RefusalsAt(self._refusals, endpoint)


class RefusalsAt:
    """Counts the refusals of one endpoint."""

    def __init__(self, refusals: Counter, endpoint: str) -> None:
        self._refusals = refusals
        self._endpoint = endpoint

    def __call__(self, error: str, reason: str) -> None:
        """Count a refusal; `reason` is empty where the error says all that there is to say."""
        self._refusals.labels(self._endpoint, error, reason).inc()
