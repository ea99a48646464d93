// openid-client as a client of ours. Requests come as JSON lines on standard input, one answer to each goes to standard
// output: "begin" builds the authorization request, and "finish" redeems what came back.
import { createInterface } from "node:readline";
import * as client from "openid-client";

const authentication = {
  none: () => client.None(),
  client_secret_basic: (secret) => client.ClientSecretBasic(secret),
  client_secret_post: (secret) => client.ClientSecretPost(secret),
};
let configuration, verifier, state;

const actions = {
  async begin({ issuer, client_id, client_secret, auth_method, redirect_uri, scope }) {
    // RFC 8414 metadata. The issuer is http on loopback; this switch of the library is for nothing else.
    configuration = await client.discovery(
      new URL(issuer),
      client_id,
      { token_endpoint_auth_method: auth_method },
      authentication[auth_method](client_secret),
      { algorithm: "oauth2", execute: [client.allowInsecureRequests] },
    );
    verifier = client.randomPKCECodeVerifier();
    state = client.randomState();
    const url = client.buildAuthorizationUrl(configuration, {
      redirect_uri,
      scope,
      state,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
    });
    return { url: url.href, checks_iss: configuration.serverMetadata().authorization_response_iss_parameter_supported };
  },

  async finish({ url }) {
    return await client.authorizationCodeGrant(configuration, new URL(url), {
      pkceCodeVerifier: verifier,
      expectedState: state,
    });
  },

  async refresh({ refresh_token, scope }) {
    return await client.refreshTokenGrant(configuration, refresh_token, scope ? { scope } : undefined);
  },

  async revoke({ token }) {
    return (await client.tokenRevocation(configuration, token)) ?? null;
  },

  async introspect({ token }) {
    return await client.tokenIntrospection(configuration, token);
  },

  async client_credentials({ scope }) {
    return await client.clientCredentialsGrant(configuration, { scope });
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
