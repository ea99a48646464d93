"""The API itself: whose album it is, the token says."""

import logging

import grpc

from examples.photostorage import photos_pb2, photos_pb2_grpc
from examples.photostorage.pictures import PICTURES, Picture
from tallystick.resource import current_token

log = logging.getLogger("photostorage")

# A real API would keep albums under `sub`, which is never given to anybody else; a demo does not know it beforehand.
ALBUMS: dict[str, tuple[Picture, ...]] = {"bob": PICTURES}


class Albums(photos_pb2_grpc.AlbumsServicer):
    """Answers calls that the interceptor has let through."""

    def Get(  # noqa: N802 - gRPC names methods as the proto does
        self, request: photos_pb2.GetAlbumRequest, context: grpc.ServicerContext
    ) -> photos_pb2.GetAlbumResponse:
        """Return the photos of the person that the token speaks for: nobody can ask for another's."""
        del request, context
        owner = current_token().username
        pictures = ALBUMS.get(owner, ())
        log.info("hands %s %d photos", owner or "an app without a person", len(pictures))
        return photos_pb2.GetAlbumResponse(
            owner=owner,
            photos=[
                photos_pb2.Photo(
                    title=picture.title,
                    taken_on=picture.taken_on,
                    media_type="image/svg+xml",
                    thumbnail=picture.svg.encode("utf-8"),
                )
                for picture in pictures
            ],
        )
