"""`/api/v1/api-keys`: one's own keys for programs that speak OpenAI's wire."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from contract.api_keys import ApiKeyList, ApiKeyMade, ApiKeyMake
from gateway.http import bodies
from gateway.http.callers import People
from gateway.operations.api_keys import ApiKeys
from gateway.operations.sessions import Principal


def router(people: People, keys: ApiKeys) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/v1", tags=["people"], responses=bodies.PROBLEMS)
    Caller = Annotated[Principal, Depends(people.signed_in)]

    @routes.post("/api-keys", response_model=ApiKeyMade, status_code=201, openapi_extra=bodies.takes(ApiKeyMake))
    async def make(caller: Caller, asked: Annotated[ApiKeyMake, Depends(bodies.body(ApiKeyMake))]) -> Response:
        """Make a key for oneself; it is told this once."""
        return bodies.rendered(await keys.make(asked, caller), 201)

    @routes.get("/api-keys", response_model=ApiKeyList)
    async def listing(caller: Caller) -> Response:
        """One's own keys; the owner sees all."""
        return bodies.rendered(ApiKeyList(keys=keys.keys_for(caller)))

    @routes.delete("/api-keys/{key}", status_code=204)
    async def revoke(caller: Caller, key: str) -> Response:
        """End a key at once, by id or name; the owner ends anybody's by id."""
        await keys.revoke(key, caller)
        return Response(status_code=204)

    return routes
