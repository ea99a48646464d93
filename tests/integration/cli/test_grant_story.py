"""`tallystick grant show` answers why somebody was signed out."""

import httpx

from tallystick.oauth2.refresh_token import parse_refresh_token
from tests.integration.cli.program import Tallystick
from tests.support.cluster import Cluster
from tests.support.flow import post_token, redeem, refresh, sign_in_and_approve

_LET_TIME_PASS = """
UPDATE grants SET rotated_at = ARRAY(SELECT at - interval '10 s' FROM unnest(rotated_at) WITH ORDINALITY AS r (at, n)
    ORDER BY n) WHERE grant_id = %s
"""


def family_of(answer: httpx.Response) -> str:
    """Return the id of the grant that a refresh token belongs to."""
    token = parse_refresh_token(answer.json()["refresh_token"])
    assert token is not None
    return str(token.family)


def test_a_theft_is_read_from_the_timeline(cluster: Cluster, operator: Tallystick) -> None:
    """Issue, refresh, lost answer, reuse and end stand in order, with who and why, and no secret (REFR-03, REFR-04)."""
    user, scope = cluster.operator.create_user(), cluster.operator.create_scope()
    client = cluster.operator.create_client(scopes=[scope])
    approval = sign_in_and_approve(cluster, client, user)
    first = post_token(cluster.token.http_url, client, {**approval.form(), "label": "a trip to Rome"})
    second = refresh(cluster, client, first.json()["refresh_token"])
    again = refresh(cluster, client, first.json()["refresh_token"])
    assert again.json()["refresh_token"] == second.json()["refresh_token"]
    assert "label" not in first.json()
    grant_id = family_of(first)
    with cluster.database.connect() as owner:
        owner.execute(_LET_TIME_PASS, (grant_id,))
    assert refresh(cluster, client, first.json()["refresh_token"]).status_code == httpx.codes.BAD_REQUEST

    story = operator.json("grant", "show", grant_id)
    assert (story["grant_id"], story["live"], story["end_reason"]) == (grant_id, False, "refresh_reused")
    told = [event["event"] for event in story["events"]]
    ours = ["token_issued", "refreshed", "refresh_raced", "refresh_reused", "grant_ended", "token_refused"]
    assert [event for event in told if event in ours] == ours
    [issued] = [event for event in story["events"] if event["event"] == "token_issued"]
    assert issued["attributes"]["label"] == "a trip to Rome"
    assert issued["attributes"]["grant_type"] == "authorization_code"
    assert all(event["request_id"] for event in story["events"])

    shown = operator("grant", "show", grant_id)
    assert shown.status == 0
    words = [
        "the code bought the first tokens, generation 0",
        "label “a trip to Rome”",
        "refreshed, generation 1",
        "refreshed twice at once",
        "a refresh token was used long after it had been replaced",
        "the grant ended with all its tokens",
        "a token request was refused",
    ]
    places = [shown.out.index(word) for word in words]
    assert places == sorted(places)
    assert "a replaced refresh token was used again" in shown.out
    assert f"client:{client.client_id}" in shown.out
    secrets = [approval.code, approval.verifier, *(answer.json()["refresh_token"] for answer in (first, second))]
    assert not [secret for secret in secrets if secret in shown.out + str(story)]


def test_an_end_by_an_operator_names_the_operator(cluster: Cluster, operator: Tallystick) -> None:
    """Whoever revoked a grant is named, once however often it is repeated, and the list shows it dead (OPS-04)."""
    user, scope = cluster.operator.create_user(), cluster.operator.create_scope()
    client = cluster.operator.create_client(scopes=[scope])
    grant_id = family_of(redeem(cluster, sign_in_and_approve(cluster, client, user)))
    [listed] = operator.json("grant", "list", "--client", client.client_id)["grants"]
    assert listed["live"] is True
    for _ in range(2):
        assert operator.json("grant", "revoke", grant_id)["live"] is False
    [end] = [each for each in operator.json("grant", "show", grant_id)["events"] if each["event"] == "grant_ended"]
    with cluster.database.connect() as owner:
        names = {f"operator:{row['name']}" for row in owner.execute("SELECT name FROM operators").fetchall()}
    assert end["actor"] in names
    assert end["attributes"] == {"end_reason": "revoked_by_operator"}
