// oauth4webapi as a client of ours: the same dialogue as openid_client.mjs, by a library that leaves each step to its user.
import { createInterface } from "node:readline";
import * as oauth from "oauth4webapi";

// The issuer is http on loopback; this switch of the library is for nothing else.
const http = { [oauth.allowInsecureRequests]: true };
const authentications = {
  none: () => oauth.None(),
  client_secret_basic: (secret) => oauth.ClientSecretBasic(secret),
  client_secret_post: (secret) => oauth.ClientSecretPost(secret),
};
let server, client, authentication, redirectUri, verifier, state;

const actions = {
  async begin({ issuer, client_id, client_secret, auth_method, redirect_uri, scope }) {
    const identifier = new URL(issuer);
    const discovered = await oauth.discoveryRequest(identifier, { algorithm: "oauth2", ...http });
    server = await oauth.processDiscoveryResponse(identifier, discovered);
    client = { client_id };
    authentication = authentications[auth_method](client_secret);
    redirectUri = redirect_uri;
    verifier = oauth.generateRandomCodeVerifier();
    state = oauth.generateRandomState();
    const url = new URL(server.authorization_endpoint);
    url.search = new URLSearchParams({
      client_id,
      redirect_uri,
      response_type: "code",
      scope,
      state,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
    });
    return { url: url.href, checks_iss: server.authorization_response_iss_parameter_supported };
  },

  async finish({ url }) {
    const answer = oauth.validateAuthResponse(server, client, new URL(url), state);
    const response = await oauth.authorizationCodeGrantRequest(
      server,
      client,
      authentication,
      answer,
      redirectUri,
      verifier,
      http,
    );
    return await oauth.processAuthorizationCodeResponse(server, client, response);
  },

  async refresh({ refresh_token, scope }) {
    const more = { additionalParameters: scope ? { scope } : {}, ...http };
    const response = await oauth.refreshTokenGrantRequest(server, client, authentication, refresh_token, more);
    return await oauth.processRefreshTokenResponse(server, client, response);
  },

  async revoke({ token }) {
    const response = await oauth.revocationRequest(server, client, authentication, token, http);
    return (await oauth.processRevocationResponse(response)) ?? null;
  },

  async introspect({ token }) {
    const response = await oauth.introspectionRequest(server, client, authentication, token, http);
    return await oauth.processIntrospectionResponse(server, client, response);
  },

  async client_credentials({ scope }) {
    const response = await oauth.clientCredentialsGrantRequest(server, client, authentication, { scope }, http);
    return await oauth.processClientCredentialsResponse(server, client, response);
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { action, ...parameters } = JSON.parse(line);
  try {
    console.log(JSON.stringify({ result: await actions[action](parameters) }));
  } catch (error) {
    console.log(JSON.stringify({ error: error.code ?? error.name, oauth_error: error.error, message: error.message }));
  }
}
