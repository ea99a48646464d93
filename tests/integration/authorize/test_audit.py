"""What authorize decides, as the audit tells it afterwards."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import httpx

from tests.support.cluster import Cluster
from tests.support.flow import SECONDS, AuthorizationRequest, Pkce, redeem, sign_in_and_approve
from tests.support.operator_client import Client

OF_CLIENT = "SELECT * FROM audit_events WHERE client_id = %s ORDER BY occurred_at"


def events(cluster: Cluster, client: Client) -> Sequence[dict[str, Any]]:
    """Return the events of authorize about a client, oldest first."""
    with cluster.database.connect() as connection:
        rows = connection.execute(OF_CLIENT, [client.client_id]).fetchall()
    return [row for row in rows if row["service"] == "authorize"]


def test_a_walk_is_told_in_its_order(cluster: Cluster) -> None:
    """From the client's registration to the code each decision is told, and no secret is (OPS-04, GEN-11)."""
    scope = cluster.operator.create_scope()
    client, user = cluster.operator.create_client(scopes=(scope,)), cluster.operator.create_user()
    approval = sign_in_and_approve(cluster, client, user)
    stranger = replace(approval, verifier="x" * 43)
    assert redeem(cluster, stranger).json()["error"] == "invalid_grant"
    story = events(cluster, client)
    kinds = [event["event"] for event in story]
    assert kinds == ["client_created", "signed_in", "consent_given", "code_issued", "code_mismatched"]
    issued, mismatched = story[-2:]
    assert issued["actor"] == f"user:{user.user_id}"
    assert issued["attributes"] == {"scope": scope.name}
    assert issued["grant_id"] == mismatched["grant_id"] is not None
    assert str(issued["user_id"]) == str(mismatched["user_id"]) == user.user_id
    assert (mismatched["outcome"], mismatched["actor"]) == ("refused", "")
    assert mismatched["detail"] == "the code_verifier does not answer the challenge"
    assert all(event["request_id"] for event in story)
    everything = str(story)
    hidden = (approval.code, *approval.code.split(".")[1:], approval.verifier, approval.state, user.password)
    assert not [secret for secret in hidden if secret in everything]


def test_a_refused_request_is_told_without_what_it_held(cluster: Cluster) -> None:
    """A page or a redirect, each refusal says why and who was named, and repeats nothing that was sent (OPS-04)."""
    client = cluster.operator.create_client(scopes=(cluster.operator.create_scope(),))
    request = AuthorizationRequest(cluster.issuer, client, client.redirect_uris[0], pkce=Pkce())
    with httpx.Client(timeout=SECONDS, follow_redirects=False, trust_env=False) as http:
        shown = http.get(replace(request, redirect_uri="https://evil.example/typed").url)
        redirected = http.get(replace(request, scopes=("typed",)).url)
    assert (shown.status_code, redirected.status_code) == (400, 303)
    _, here, there = events(cluster, client)
    assert [event["event"] for event in (here, there)] == ["authorization_refused"] * 2
    assert (here["error"], here["detail"]) == ("untrusted_request", "redirect_uri is not registered")
    assert (there["error"], there["outcome"]) == ("invalid_scope", "refused")
    assert here["source"] == there["source"] == "127.0.0.1"
    assert "typed" not in str((here, there))
