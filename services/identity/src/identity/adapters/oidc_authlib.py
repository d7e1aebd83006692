"""Login at OpenID providers: authorization code with PKCE (OpenID Connect Core 1.0, RFC 7636), by authlib and httpx."""

import logging
from collections.abc import Sequence
from typing import Any

import jwt
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc.errors import JoseError

from chassis.errors import Unauthenticated
from identity.adapters import oidc_http
from identity.adapters.oidc_keys import LEEWAY_SECONDS, ProviderKeys
from identity.adapters.oidc_metadata import Metadata, ProviderMetadata
from identity.config import OidcProvider
from identity.errors import OIDC_REFUSED
from identity.ports import OidcRequest, Person, ProviderName

log = logging.getLogger(__name__)

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_OURS = ("invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope")


class Provider:
    def __init__(self, settings: OidcProvider) -> None:
        self.settings = settings
        self._metadata = ProviderMetadata(settings.issuer, title=settings.title)
        self._keys = ProviderKeys(title=settings.title)

    async def authorization_url(self, request: OidcRequest) -> str:
        known = await self._metadata.get()
        url: str = prepare_grant_uri(
            known.authorization_endpoint,
            client_id=self.settings.client_id,
            response_type="code",
            redirect_uri=request.redirect_uri,
            scope=self.settings.scope,
            state=request.state,
            nonce=request.nonce,
            code_challenge=create_s256_code_challenge(request.code_verifier),
            code_challenge_method="S256",
        )
        return url

    async def identify(self, request: OidcRequest, *, code: str) -> Person:
        known = await self._metadata.get()
        tokens = await self._trade(known, request, code=code)
        token, access_token = tokens.get("id_token"), tokens.get("access_token")
        try:
            header, claims = await self._keys.verify(
                str(token), url=known.jwks_uri, issuer=known.issuer, audience=self.settings.client_id
            )
            asked = {"nonce": request.nonce, "client_id": self.settings.client_id}
            CodeIDToken(claims, header, params=asked).validate(leeway=LEEWAY_SECONDS)
        except (jwt.PyJWTError, JoseError, ValueError, TypeError) as error:
            log.warning("an ID token of %s is refused: %r", self.settings.name, error)
            raise Unauthenticated(OIDC_REFUSED) from error
        if not claims.keys() >= {"email", "email_verified"} and known.userinfo_endpoint and access_token:
            claims = await self._userinfo(known.userinfo_endpoint, str(access_token), claims)
        return _person(claims)

    async def _trade(self, known: Metadata, request: OidcRequest, *, code: str) -> dict[str, Any]:
        body = prepare_token_request(
            "authorization_code", redirect_uri=request.redirect_uri, code=code, code_verifier=request.code_verifier
        )
        secret = self.settings.client_secret
        way = ClientAuth(
            self.settings.client_id,
            secret.get_secret_value() if secret else None,
            _way(known.token_endpoint_auth_methods_supported) if secret else "none",
        )
        url, headers, body = way.prepare("POST", known.token_endpoint, dict(_FORM), body)
        title = self.settings.title
        status, found = await oidc_http.ask("POST", url, title=title, headers=headers, content=body.encode())
        if status == 200:  # noqa: PLR2004  HTTP status
            return found
        problem = str(found.get("error"))[:100]
        log.warning("%s gives no token: status %s, %s", self.settings.name, status, problem)
        if problem in _OURS:
            # The operator's to mend; whoever logs in can only wait.
            raise oidc_http.down(title)
        raise Unauthenticated(OIDC_REFUSED)

    async def _userinfo(self, url: str, access_token: str, claims: dict[str, Any]) -> dict[str, Any]:
        """The claims, with what many providers tell there alone (Core, 5.4).

        Of another subject it says nothing to us (5.3.2); and an address is verified only by who names it.
        """
        headers = {"Authorization": f"Bearer {access_token}"}
        status, found = await oidc_http.ask("GET", url, title=self.settings.title, headers=headers)
        if status != 200 or found.get("sub") != claims["sub"] or "email" not in found:  # noqa: PLR2004  HTTP status
            return claims
        kept = {name: value for name, value in claims.items() if name not in ("email", "email_verified")}
        return found | kept


class OidcProviders:
    """identity's `ports.Providers`."""

    def __init__(self, providers: Sequence[OidcProvider]) -> None:
        self._providers = {each.name: Provider(each) for each in providers}

    def names(self) -> list[ProviderName]:
        return [ProviderName(name, each.settings.title) for name, each in self._providers.items()]

    def is_known(self, name: str) -> bool:
        return name in self._providers

    async def authorization_url(self, name: str, request: OidcRequest) -> str:
        return await self._providers[name].authorization_url(request)

    async def identify(self, name: str, request: OidcRequest, *, code: str) -> Person:
        return await self._providers[name].identify(request, code=code)


def _way(supported: Sequence[str]) -> str:
    # In a header, servers differ on how special characters of a secret are written; in a form they do not.
    return "client_secret_post" if "client_secret_post" in supported else "client_secret_basic"


def _person(claims: dict[str, Any]) -> Person:
    email, verified, name, locale = (claims.get(each) for each in ("email", "email_verified", "name", "locale"))
    return Person(
        issuer=str(claims["iss"]),
        subject=str(claims["sub"]),
        email=email if isinstance(email, str) else None,
        # Some providers write it as a text.
        is_email_verified=verified is True or verified == "true",
        name=name if isinstance(name, str) else None,
        locale=locale if isinstance(locale, str) else None,
    )
