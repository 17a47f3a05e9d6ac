// Signs in as any OpenID Connect client does, with openid-client and a browser that only follows redirects.
// Environment: GATEWAY (http://…), EMAIL, and WRONG (nothing, state, nonce or client): what the client holds
// against the answer although it is not so. Prints the claims of the ID token and the tokens as JSON.
import * as oidc from "openid-client";

const { GATEWAY, EMAIL, WRONG } = process.env;
const redirectUri = "http://127.0.0.1:1/back";
const clientId = WRONG === "client" ? "another" : "console";
const config = await oidc.discovery(new URL(GATEWAY), clientId, undefined, oidc.None(), {
  execute: [oidc.allowInsecureRequests],
});
const verifier = oidc.randomPKCECodeVerifier();
const [state, nonce] = [oidc.randomState(), oidc.randomNonce()];
const start = oidc.buildAuthorizationUrl(config, {
  redirect_uri: redirectUri,
  scope: "openid email profile",
  code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
  state,
  nonce,
  login_hint: EMAIL,
  prompt: "none",
});

async function follow(url) {
  const cookies = new Map();
  for (let hops = 0; hops < 10; hops++) {
    if (url.href.startsWith(redirectUri)) return url;
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const answer = await fetch(url, { redirect: "manual", headers: cookie ? { cookie } : {} });
    for (const line of answer.headers.getSetCookie()) {
      const [name, value] = line.split(";")[0].split("=");
      cookies.set(name, value);
    }
    const next = answer.headers.get("location");
    if (!next) throw new Error(`${url.pathname} answered ${answer.status}: ${await answer.text()}`);
    url = new URL(next, url);
  }
  throw new Error("too many redirects");
}

const back = await follow(start);
const tokens = await oidc.authorizationCodeGrant(config, back, {
  pkceCodeVerifier: verifier,
  expectedState: WRONG === "state" ? "another" : state,
  expectedNonce: WRONG === "nonce" ? "another" : nonce,
});
const renewed = await oidc.refreshTokenGrant(config, tokens.refresh_token);
console.log(JSON.stringify({ claims: tokens.claims(), access: tokens.access_token, renewed: renewed.access_token }));
