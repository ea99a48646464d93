"""From the query of an authorization request to an interaction: read, look up, check, keep; refusals are audited."""

from services.authorize import checks
from services.authorize.errors import RequestRefused, ShownHere, told_to_client
from services.authorize.interaction import Interactions
from services.authorize.model import UNKNOWN_CLIENT, Client
from services.authorize.pages.error_kind import ErrorKind
from services.authorize.ports import ClientDirectory, ResourceDirectory
from services.authorize.request import Received
from tallystick.oauth2.parameters import MalformedForm, Parameters, parse_query
from tallystick.oauth2.pkce import RequirePkce

# Room for a state of 2000 characters of any script, percent-encoded, and less than HTTP takes of a request line and
# headers together, so that people see a page.
_MAX_QUERY_BYTES = 28 * 1024


class BeginInteraction:
    """Takes an authorization request."""

    def __init__(
        self,
        clients: ClientDirectory,
        resources: ResourceDirectory,
        interactions: Interactions,
        *,
        issuer: str,
        require_pkce: RequirePkce,
    ) -> None:
        self._clients = clients
        self._resources = resources
        self._interactions = interactions
        self._issuer = issuer
        self._require_pkce = require_pkce

    async def begin(self, query: bytes, *, browser: str) -> str:
        """Verify a request and return the id of its interaction.

        Raises `ShownHere` or `Redirected` when it is refused, and `Unavailable` when a store fails before it is clear
        where the client could be told.
        """
        client = UNKNOWN_CLIENT
        try:
            parameters, unreadable = _read(query)
            client = await self._client(parameters)
            known_resources = await self._known_resources(parameters)
            request = checks.verified(Received(parameters, unreadable, client, known_resources, self._require_pkce))
            with told_to_client(request):
                return await self._interactions.begin(request, browser=browser)
        except RequestRefused as refusal:
            # The client as registered: of what a stranger called it nothing is kept.
            refusal.client_id = client.client_id or None
            raise

    async def _client(self, parameters: Parameters) -> Client:
        # One that is not named exactly once is the business of the check, and not looked up.
        named = parameters.all("client_id")
        found = await self._clients.find(named[0]) if len(named) == 1 else None
        return found or UNKNOWN_CLIENT

    async def _known_resources(self, parameters: Parameters) -> frozenset[str]:
        requested = parameters.all("resource")
        registered = await self._resources.known(requested) if requested else frozenset()
        return registered | {self._issuer}


def _read(query: bytes) -> tuple[Parameters, frozenset[str]]:
    if len(query) > _MAX_QUERY_BYTES:
        raise ShownHere(ErrorKind.TOO_LARGE, detail="the query is too long")
    try:
        return parse_query(query)
    except MalformedForm as error:
        raise ShownHere(ErrorKind.UNTRUSTED_REQUEST, detail=f"the query is malformed: {error}") from None
