import type { Redis } from 'ioredis'
import type { Config } from '../config/config.ts'
import { createPasskeyVerifier, type PasskeyVerifierOptions } from '../pt/passkeyVerifier.ts'
import { createSiteClient } from '../pt/passkeyVerifierHttp.ts'
import type { Keys } from '../redis/keys.ts'
import { createVerdictCache } from '../redis/verdictCache.ts'
import type { PasskeyVerifier } from '../tracker/ports.ts'

/** What is told of the site's verdicts. */
export type VerifyReports = Required<Pick<PasskeyVerifierOptions, 'audit' | 'observe' | 'onCacheFailure'>>

/** What asks the site about unlisted passkeys; undefined where the configuration does not have it asked. */
export function createSiteVerifier(
  { passkeyApproval }: Pick<Config, 'passkeyApproval'>,
  redis: Redis,
  keys: Keys,
  reports: VerifyReports,
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
    ...reports,
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
