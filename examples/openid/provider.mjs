// An OpenID provider that believes the proxy in front of it: ISSUER is its address there.
import { Provider } from 'oidc-provider';

const provider = new Provider(process.env.ISSUER, {
  clients: [{
    client_id: 'app',
    client_secret: 'app-secret',
    redirect_uris: [`${process.env.APP}/callback`],
  }],
  cookies: { keys: ['a key of the example'] },
  pkce: { required: () => false },
});
provider.proxy = true;
provider.listen(process.env.PORT, '127.0.0.1');
