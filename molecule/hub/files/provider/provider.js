// An OpenID Connect provider (panva's oidc-provider, OpenID certified) with GitLab's addresses. Its own page for trials
// takes any password: who somebody is, is the provider's business; whether they may in, is the hub's.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import Provider from 'oidc-provider';

const [issuer, port, secret, callback] = process.argv.slice(2);
const provider = new Provider(issuer, {
  clients: [{
    client_id: 'hub', client_secret: secret, redirect_uris: [callback], grant_types: ['authorization_code'],
    response_types: ['code'], token_endpoint_auth_method: 'client_secret_post',
  }],
  claims: { openid: ['sub'], profile: ['preferred_username'], email: ['email', 'email_verified'] },
  cookies: { keys: ['of a trial'] },
  findAccount: (_context, id) => ({
    accountId: id,
    claims: () => ({ sub: id, preferred_username: id, email: `${id}@example.org`, email_verified: id !== 'mallory' }),
  }),
  pkce: { required: () => true },
  routes: { authorization: '/oauth/authorize', token: '/oauth/token', userinfo: '/oauth/userinfo' },
});
const files = { cert: readFileSync('/tls/cert.pem'), key: readFileSync('/tls/key.pem') };
createServer(files, provider.callback()).listen(Number(port));
