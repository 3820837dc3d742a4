import type { Redis } from 'ioredis'
import type { Config } from '../../config/config.ts'
import type { Keys } from '../../redis/keys.ts'
import type { PasskeyVerifier } from '../core/ports.ts'
import { createVerdictCache } from '../store/verdictCache.ts'
import {
  createPasskeyVerifier,
  type PasskeyVerifierOptions,
  type VerifyLoad,
} from '../verify/passkeyVerifier.ts'
import { createSiteClient } from '../verify/passkeyVerifierHttp.ts'

/** What is told of the site's verdicts, and what outlives a reload: how much the site has to bear already. */
export type VerifyDependencies = Required<
  Pick<PasskeyVerifierOptions, 'audit' | 'observe' | 'onCacheFailure'>
> & { readonly load: VerifyLoad }

/** What asks the site about unlisted passkeys; undefined where the configuration does not have it asked. */
export function createSiteVerifier(
  { passkeyApproval }: Pick<Config, 'passkeyApproval'>,
  redis: Redis,
  keys: Keys,
  dependencies: VerifyDependencies,
): (PasskeyVerifier & { close(): void }) | undefined {
  if (passkeyApproval?.httpUrl === undefined) return undefined
  const site = createSiteClient({
    url: passkeyApproval.httpUrl,
    timeoutMs: passkeyApproval.httpTimeoutMs,
    apiKeyHeader: passkeyApproval.httpApiKeyHeader,
    apiKey: passkeyApproval.httpApiKey,
    signatureSecret: passkeyApproval.httpSignatureSecret,
    ca: passkeyApproval.httpCa?.pem,
    maxConnections: passkeyApproval.httpMaxConcurrency,
  })
  const verifier = createPasskeyVerifier({
    ...dependencies,
    site,
    cache: createVerdictCache({
      redis,
      keys,
      acceptedSeconds: passkeyApproval.cacheTtlSeconds,
      rejectedSeconds: passkeyApproval.negativeCacheTtlSeconds,
    }),
    maxConcurrency: passkeyApproval.httpMaxConcurrency,
    ratePerSecond: passkeyApproval.httpRatePerSecond,
  })
  return { verify: verifier.verify, close: site.close }
}
