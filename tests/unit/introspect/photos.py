"""Bob's photos: a resource with its policy, and tokens for it, as the pure rules see them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.introspect.model import AccessTokenRecord, Client, Grant, ResourceOwner, ResourcePolicy

ISSUER = "https://issuer.example"
PHOTOS, MUSIC = "https://photos.example", "https://music.example"
APP, API, OTHER = "app", "api", "other"
BOB = UUID(int=7)
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
GET, ADD, LIST = b"/photos.v1.Albums/Get", b"/photos.v1.Albums/Add", b"GET /albums"

policy = ResourcePolicy(
    PHOTOS,
    3,
    callers=frozenset({API}),
    services={
        "POST /photos.v1.Albums/Get": frozenset({"family", "friends"}),
        "POST /photos.v1.Albums/Add": frozenset({"family"}),
        "POST /photos.v1.Albums/Burn": frozenset(),
        "GET /albums": frozenset({"family"}),
        "GET /albums/{id}": frozenset({"family"}),
    },
    covers={
        "photos.read": frozenset({"POST /photos.v1.Albums/Get", "GET /albums/*"}),
        "photos.all": frozenset({"/photos.v1.Albums/*", "GET /albums"}),
        "a.photos.all": frozenset({"/photos.v1.Albums/*"}),
    },
)
grant = Grant(APP, BOB, None, 0, 0, 0, ResourceOwner(BOB, "bob", enabled=True, epoch=0), 0)
of_bob = AccessTokenRecord(
    client_id=APP,
    client_epoch=0,
    scopes=("photos.read",),
    audience=PHOTOS,
    issued_at=NOW - timedelta(minutes=1),
    expires_at=NOW + timedelta(minutes=9),
    revoked=False,
    client=Client(enabled=True, epoch=0, scopes=frozenset({"photos.read", "photos.all"})),
    grant_id=UUID(int=1),
    grant=grant,
    covering=frozenset({"photos.read"}),
    groups=frozenset({"family"}),
    policy_version=3,
)
of_the_app = replace(of_bob, grant_id=None, grant=None, groups=frozenset({"friends"}))
