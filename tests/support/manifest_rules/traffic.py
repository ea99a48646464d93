"""Who is found where: Services, routes, certificates, scrapes."""

import re
from collections.abc import Iterator

from tests.support.manifests import SERVICES, Manifests, Object, Rule


def selectors_match(manifests: Manifests) -> list[str]:
    """A Service without pods refuses connections, a budget without pods protects none, a Deployment is refused."""
    pods = list(manifests.pods())
    found = [
        pod.name
        for pod in pods
        if "selector" in pod.owner["spec"] and not pod.matches(pod.owner["spec"]["selector"]["matchLabels"])
    ]
    wanted = [(each, each["spec"]["selector"]) for each in manifests.of("Service")]
    wanted += [(each, each["spec"]["selector"]["matchLabels"]) for each in manifests.of("PodDisruptionBudget")]
    for each, selector in wanted:
        if len([pod for pod in pods if pod.matches(selector)]) != 1:
            found.append(f"{each['kind']} {each['metadata']['name']}")
    return found


def ports_exist(manifests: Manifests) -> list[str]:
    """A Service sends to a port where nobody listens; a headless one, which translates nothing, at another number."""
    found = []
    for service in manifests.of("Service"):
        for pod in manifests.pods():
            if not pod.matches(service["spec"]["selector"]):
                continue
            ports = {port["name"]: port["containerPort"] for c in pod.spec["containers"] for port in c.get("ports", [])}
            found += [
                f"{service['metadata']['name']}: {port['name']}"
                for port in service["spec"]["ports"]
                if ports.get(port["targetPort"]) != port["port"]
            ]
    return found


def services_of_both_kinds(manifests: Manifests) -> list[str]:
    """Without a headless one gRPC clients stay with one pod each; meshes and gateways want the other."""
    found = []
    for name in SERVICES:
        plain, headless = (manifests.named("Service", f"tallystick-{name}{suffix}") for suffix in ("", "-headless"))
        if (
            plain is None
            or "clusterIP" in plain["spec"]
            or {port["name"] for port in plain["spec"]["ports"]} != {"http", "grpc"}
        ):
            found.append(f"{name}: ClusterIP")
        if (
            headless is None
            or headless["spec"].get("clusterIP") != "None"
            or not {port["name"] for port in headless["spec"]["ports"]} >= {"grpc", "metrics"}
        ):
            found.append(f"{name}: headless")
    return found


def targets_are_headless(manifests: Manifests) -> list[str]:
    """All calls of a replica go to one pod, and new pods stay idle."""
    found = []
    for pod in manifests.services():
        for name, value in manifests.variables(pod.spec["containers"][0]).items():
            if not name.endswith("_TARGET"):
                continue
            host, _, port = value.removeprefix("dns:///").rpartition(":")
            service = manifests.named("Service", host)
            ports = {str(each["port"]) for each in service["spec"]["ports"]} if service else set()
            if (
                not value.startswith("dns:///")
                or service is None
                or service["spec"].get("clusterIP") != "None"
                or port not in ports
            ):
                found.append(f"{pod.name}: {name}={value}")
    return found


def certificates_name_their_service(manifests: Manifests) -> list[str]:
    """Neighbours refuse the certificate: it names another host than was dialled, or another service than it is for."""
    found = []
    for pod in manifests.services():
        values = manifests.variables(pod.spec["containers"][0])
        domain = values.get("TALLYSTICK_TLS_TRUST_DOMAIN")
        if "TALLYSTICK_TLS_CERT_FILE" not in values:
            continue
        certificate = manifests.named("Certificate", pod.name)
        if certificate is None:
            found.append(f"{pod.name}: none")
            continue
        spec = certificate["spec"]
        names = {f"{pod.name}{kind}{suffix}" for kind in ("", "-headless") for suffix in ("", ".tallystick.svc")}
        if spec["uris"] != [f"spiffe://{domain}/{pod.name.removeprefix('tallystick-')}"] or not names <= set(
            spec["dnsNames"]
        ):
            found.append(f"{pod.name}: names")
        if (
            not {"server auth", "client auth"} <= set(spec["usages"])
            or spec["privateKey"]["rotationPolicy"] != "Always"
        ):
            found.append(f"{pod.name}: use, or a key that stays")
    return found


def known_by_certificates_only(manifests: Manifests) -> list[str]:
    """Services do not start with two ways to be known, or dial a port at which no certificate is asked for."""
    found = []
    for pod in manifests.services():
        values = manifests.variables(pod.spec["containers"][0])
        if "TALLYSTICK_TLS_CERT_FILE" not in values:
            continue
        found += [f"{pod.name}: {name}" for name in values if re.search("SERVICE_(TOKEN|CALLERS)_FILE$", name)]
        for name, value in values.items():
            if not name.endswith("_TARGET"):
                continue
            service = manifests.named("Service", value.removeprefix("dns:///").partition(":")[0])
            ports = {each["name"]: each["port"] for each in service["spec"]["ports"]} if service else {}
            found += [f"{pod.name}: {value}"] if not value.endswith(f":{ports.get('grpc-mutual')}") else []
    return found


def scraped_once(manifests: Manifests) -> list[str]:
    """Figures are doubled, or missing: a pod is scraped by way of two Services, or of none."""
    found = []
    for monitor in manifests.of("ServiceMonitor"):
        [endpoint] = monitor["spec"]["endpoints"]
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        chosen = [each for each in manifests.of("Service") if wanted <= each["metadata"].get("labels", {}).items()]
        having = [each for each in chosen if endpoint["port"] in {port["name"] for port in each["spec"]["ports"]}]
        for pod in manifests.services():
            number = len([each for each in having if pod.matches(each["spec"]["selector"])])
            found += [f"{pod.name}: {number} times"] if number != 1 else []
    return found


def routes_reach_the_services(manifests: Manifests) -> list[str]:
    """Clients get 404 or 503 for what another service serves, or at the issuer's host."""
    public = {"/oauth2/token": "token", "/oauth2/revoke": "token", "/oauth2/introspect": "introspect", "/": "authorize"}
    issuer = next(
        (
            each["data"]["TALLYSTICK_ISSUER"]
            for each in manifests.of("ConfigMap")
            if "TALLYSTICK_ISSUER" in each.get("data", {})
        ),
        "",
    )
    services = {
        each["metadata"]["name"]: {port["name"]: port["port"] for port in each["spec"]["ports"]}
        for each in manifests.of("Service")
    }
    found = []
    for each, host, routes in http_routes(manifests):
        expected = {
            path: (f"tallystick-{name}", services[f"tallystick-{name}"]["http"]) for path, name in public.items()
        }
        if f"https://{host}" != issuer or routes != expected:
            found.append(f"{each['kind']}: {host} {routes}")
    for each in manifests.of("GRPCRoute"):
        [rule] = each["spec"]["rules"]
        if rule["backendRefs"] != [
            {"name": "tallystick-introspect", "port": services["tallystick-introspect"]["grpc"]}
        ]:
            found.append("GRPCRoute")
    return found


def http_routes(manifests: Manifests) -> Iterator[tuple[Object, str, dict[str, tuple[str, int | str]]]]:
    """Yield, for each route or ingress, its host and where each path goes."""
    for each in manifests.of("HTTPRoute"):
        [host] = each["spec"]["hostnames"]
        yield (
            each,
            host,
            {
                match["path"]["value"]: (backend["name"], backend["port"])
                for rule in each["spec"]["rules"]
                for match in rule["matches"]
                for backend in rule["backendRefs"]
            },
        )
    for each in manifests.of("Ingress"):
        [rule] = each["spec"]["rules"]
        backends = {path["path"]: path["backend"]["service"] for path in rule["http"]["paths"]}
        services = {
            one["metadata"]["name"]: {port["name"]: port["port"] for port in one["spec"]["ports"]}
            for one in manifests.of("Service")
        }
        yield (
            each,
            rule["host"],
            {
                path: (backend["name"], services.get(backend["name"], {}).get(backend["port"]["name"], 0))
                for path, backend in backends.items()
            },
        )


RULES: tuple[Rule, ...] = (
    selectors_match,
    ports_exist,
    services_of_both_kinds,
    targets_are_headless,
    certificates_name_their_service,
    known_by_certificates_only,
    scraped_once,
    routes_reach_the_services,
)
