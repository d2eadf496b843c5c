// The peer oidc-provider: one client, the client credentials grant, JWT access tokens signed HS256, the
// package's own in-memory adapter. Reads PORT, CLIENT_ID, CLIENT_SECRET and SIGNING_KEY from the environment.
import { createSecretKey } from 'node:crypto';
import Provider from 'oidc-provider';

const { PORT, CLIENT_ID, CLIENT_SECRET, SIGNING_KEY } = process.env;
const issuer = `http://127.0.0.1:${PORT}`;
const audience = 'urn:bench:consents';
const scope = 'customer.modify_consent';
const key = createSecretKey(Buffer.from(SIGNING_KEY, 'utf8'));

const provider = new Provider(issuer, {
  clients: [{
    client_id: CLIENT_ID,
    client_secret: CLIENT_SECRET,
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
    token_endpoint_auth_method: 'client_secret_basic',
    scope,
  }],
  scopes: [scope],
  ttl: { ClientCredentials: 300 },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => audience,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope,
        audience,
        accessTokenFormat: 'jwt',
        accessTokenTTL: 300,
        jwt: { sign: { alg: 'HS256', key, kid: 'bench' } },
      }),
    },
  },
});

const server = provider.listen(Number(PORT), '127.0.0.1');
server.keepAliveTimeout = 60_000;
