"""The services as processes, with certificates: the whole flow works, and nobody gets in by another way."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import pytest
from cryptography.x509 import load_pem_x509_certificate

from tallystick.authorize.v1 import authorization_code_pb2 as pb
from tallystick.authorize.v1.authorization_code_pb2_grpc import AuthorizationCodeServiceStub
from tallystick.resource import (
    AsyncIntrospectionClient,
    CertificateFiles,
    IntrospectionClient,
    IntrospectionUnavailable,
)
from tallystick.runtime.allow_list import METHODS
from tallystick.runtime.callers import CallerKind
from tests.integration.cli.program import Tallystick
from tests.rpc.every_method import STREAMS
from tests.support.authority import Authority, Leaf
from tests.support.cluster import Cluster, running_cluster
from tests.support.cluster_certificates import ClusterCertificates
from tests.support.databases import Database
from tests.support.flow import Visitor, redeem, refresh
from tests.support.operator_client import Client, Resource, Scope
from tests.support.scrape import scrape

OF_AUTHORIZE = sorted(name for name in METHODS if name.startswith("/tallystick.authorize.") and name not in STREAMS)
DENIED, UNAUTHENTICATED, UNAVAILABLE = (
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.UNAVAILABLE,
)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> ClusterCertificates:
    return ClusterCertificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def secured(
    database: Database,
    redis_url: str,
    tmp_path_factory: pytest.TempPathFactory,
    certificates: ClusterCertificates,
) -> Iterator[Cluster]:
    """One replica of each service, which know one another by their certificates."""
    folder = tmp_path_factory.mktemp("secured")
    with running_cluster(database, redis_url, folder, certificates=certificates) as cluster:
        yield cluster
        assert "PRIVATE KEY" not in cluster.output()


@pytest.fixture(scope="module")
def api(secured: Cluster) -> tuple[Client, Resource, Scope]:
    """A resource server and what it guards."""
    return secured.operator.create_resource_server()


def access_token(cluster: Cluster, scope: Scope) -> str:
    """Go from the authorization request to a token that has been refreshed."""
    client = cluster.operator.create_client(scopes=[scope])
    with Visitor(cluster, cluster.operator.create_user()) as visitor:
        bought = redeem(cluster, visitor.approve(client))
    assert bought.status_code == httpx.codes.OK, bought.text
    refreshed = refresh(cluster, client, bought.json()["refresh_token"])
    assert refreshed.status_code == httpx.codes.OK, refreshed.text
    return str(refreshed.json()["access_token"])


async def test_the_whole_flow_works(
    secured: Cluster, certificates: ClusterCertificates, api: tuple[Client, Resource, Scope]
) -> None:
    """Code, refresh, and a resource server that asks over TLS, with either client."""
    caller, _, scope = api
    token, files = access_token(secured, scope), CertificateFiles(certificates.folders["introspect"].authorities)
    own = {"client_id": caller.client_id, "client_secret": caller.client_secret or ""}
    target = secured.introspect.grpc_target
    with IntrospectionClient(target, **own, channel_credentials=files, timeout_seconds=10) as client:
        assert client.introspect(token).active
    async with AsyncIntrospectionClient(target, **own, channel_credentials=files, timeout_seconds=10) as asynchronous:
        assert (await asynchronous.introspect(token)).active


@pytest.mark.parametrize("service", ["authorize", "token", "introspect"])
def test_prometheus_is_told_until_when(secured: Cluster, certificates: ClusterCertificates, service: str) -> None:
    """Each service tells when its certificate ends, and nothing of its key."""
    leaf = load_pem_x509_certificate(certificates.leaves[service].certificate.encode())
    [replica] = secured.replicas(service)
    told = scrape(replica)
    assert told.samples["certificate_not_after_seconds"] == leaf.not_valid_after_utc.timestamp()
    assert "spiffe" not in told.text


@pytest.mark.parametrize("believed", [None, Authority("of the cluster")], ids=["plaintext", "another authority"])
def test_a_resource_server_is_not_heard_otherwise(
    secured: Cluster, api: tuple[Client, Resource, Scope], believed: Authority | None
) -> None:
    """Nor does it speak to whom it cannot verify."""
    caller, _, _ = api
    credentials = None if believed is None else grpc.ssl_channel_credentials(believed.certificate.encode())
    with (
        IntrospectionClient(
            secured.introspect.grpc_target,
            client_id=caller.client_id,
            client_secret=caller.client_secret or "",
            channel_credentials=credentials,
        ) as client,
        pytest.raises(IntrospectionUnavailable),
    ):
        client.introspect("whatever")


@pytest.mark.parametrize("service", ["authorize", "introspect"])
def test_no_other_service_gets_into_authorize(
    secured: Cluster, certificates: ClusterCertificates, service: str
) -> None:
    """A service whose certificate is right and which has no business there is denied every method."""
    leaf = certificates.authority.service(service)
    codes = outcomes(secured.authorize.grpc_mutual_target, certificates.authority, leaf)
    assert {name for name, code in codes.items() if code is not DENIED} == {
        name for name in OF_AUTHORIZE if CallerKind(service) in METHODS[name]
    }


def test_a_stranger_gets_into_no_method_of_authorize(secured: Cluster, certificates: ClusterCertificates) -> None:
    """Neither one whom the authority calls something else, nor one of another authority, nor one without."""
    target, authority = secured.authorize.grpc_mutual_target, certificates.authority
    elsewhere = authority.service("token", trust_domain="elsewhere")
    assert set(outcomes(target, authority, elsewhere).values()) == {UNAUTHENTICATED}
    for leaf in (Authority("of the cluster").service("token"), None):
        assert set(outcomes(target, authority, leaf).values()) == {UNAVAILABLE}


def test_token_may_look_up_a_code(secured: Cluster, certificates: ClusterCertificates) -> None:
    """It is refused for the code alone."""
    leaf = certificates.authority.service("token")
    with (
        channel(secured.authorize.grpc_mutual_target, certificates.authority, leaf) as opened,
        pytest.raises(grpc.RpcError) as refused,
    ):
        AuthorizationCodeServiceStub(opened).CheckCode(pb.CheckCodeRequest(code=b"unknown"), timeout=10)
    assert refused.value.code() not in {DENIED, UNAUTHENTICATED, UNAVAILABLE}


def test_an_operator_needs_the_authorities_and_no_certificate(
    secured: Cluster, certificates: ClusterCertificates, tmp_path: Path
) -> None:
    """The command asks over TLS, on this machine too, and `doctor` finds everything in order."""
    credential = tmp_path / "admin-token"
    credential.touch(mode=0o600)
    credential.write_text(secured.admin_credential)
    targets = {f"{name.upper()}_TARGET": getattr(secured, name).grpc_target for name in certificates.folders}
    authorities = {"TLS_CA_FILE": certificates.folders["token"].authorities, "ADMIN_TOKEN_FILE": credential}
    command = Tallystick(tmp_path, {**targets, **authorities})
    assert command("client", "list").status == 0
    outcomes_ = {check["check"]: check["outcome"] for check in command.json("doctor")["checks"]}
    assert {outcomes_[name] for name in ("certificates", *certificates.folders)} == {"ok"}
    refused = Tallystick(tmp_path, {**targets, "ADMIN_TOKEN_FILE": credential})("client", "list")
    assert refused.status != 0
    assert "authorize cannot be reached" in refused.err


def outcomes(target: str, authority: Authority, leaf: Leaf | None) -> dict[str, grpc.StatusCode | None]:
    """Return how a call of every method of authorize ends."""
    with channel(target, authority, leaf) as opened:
        return {name: outcome(opened, name) for name in OF_AUTHORIZE}


def outcome(opened: grpc.Channel, method: str) -> grpc.StatusCode | None:
    try:
        opened.unary_unary(method)(b"", timeout=10)
    except grpc.RpcError as error:
        return error.code()
    return None


def channel(target: str, authority: Authority, leaf: Leaf | None) -> grpc.Channel:
    own = () if leaf is None else (leaf.key.encode(), leaf.certificate.encode())
    credentials = grpc.ssl_channel_credentials(authority.certificate.encode(), *own)
    options = (("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1))
    return grpc.secure_channel(target, credentials, options=options)
