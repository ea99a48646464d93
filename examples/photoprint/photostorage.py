"""The call to PhotoStorage: gRPC, with the access token as metadata (RFC 6750, in gRPC's words)."""

from dataclasses import dataclass

import grpc

from examples.photostorage import photos_pb2
from examples.photostorage.photos_pb2_grpc import AlbumsStub

METHOD = "/photos.v1.Albums/Get"
CHALLENGE = "www-authenticate"
SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Photo:
    """One picture, small."""

    title: str
    taken_on: str
    media_type: str
    thumbnail: bytes


@dataclass(frozen=True, slots=True)
class Album:
    """The photos of the person that the token speaks for."""

    owner: str
    photos: tuple[Photo, ...]


@dataclass(frozen=True, slots=True)
class ApiRefusal:
    """The API said no: the gRPC status (`PERMISSION_DENIED`), its message, and what HTTP calls `WWW-Authenticate`."""

    status: str
    message: str
    challenge: str

    @property
    def lacks_scope(self) -> bool:
        """Whether a token with another scope would do (RFC 6750 §3.1); else the person behind it may not, at all."""
        return 'error="insufficient_scope"' in self.challenge


class PhotoStorage:
    """The API, as PhotoPrint sees it."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._albums = AlbumsStub(channel)

    def fetch_album(self, access_token: str) -> Album | ApiRefusal:
        """Ask for the photos, or return why there are none."""
        try:
            answer = self._albums.Get(
                photos_pb2.GetAlbumRequest(),
                metadata=(("authorization", f"Bearer {access_token}"),),
                timeout=SECONDS,
            )
        except grpc.RpcError as error:
            challenges = [str(each.value) for each in error.trailing_metadata() or () if each.key == CHALLENGE]
            return ApiRefusal(error.code().name, error.details() or "", "".join(challenges))
        photos = (Photo(each.title, each.taken_on, each.media_type, each.thumbnail) for each in answer.photos)
        return Album(answer.owner, tuple(photos))
