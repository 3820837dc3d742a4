import type { Config, HookConfig, JwtConfig, PasskeyApprovalConfig } from '../../config/config.ts'
import { decryptCredential } from '../../contract/credentials.ts'
import { pollJson } from '../../runtime/polledJson.ts'
import type { Hook } from '../core/tracker.ts'
import { announceRate } from '../hooks/announceRate.ts'
import { clientApproval } from '../hooks/clientApproval.ts'
import { intervalVariation } from '../hooks/intervalVariation.ts'
import { type JwkSet, parseJwkSet } from '../hooks/jwkSet.ts'
import { jwt } from '../hooks/jwt.ts'
import { passkeyApproval } from '../hooks/passkeyApproval.ts'
import { peerLimit } from '../hooks/peerLimit.ts'
import { torrentApproval } from '../hooks/torrentApproval.ts'
import { trafficPush } from '../hooks/trafficPush.ts'

/** What hooks keep across a reload. */
export interface HookSurroundings {
  /** Last good key set by URL, so that a reload leaves no moment without keys. */
  readonly keySets: Map<string, JwkSet>
  readonly onKeySetFailure: (error: Error) => void
}

/** The hook that one entry of the configuration asks for. */
export function hookOf(hook: HookConfig, config: Config, surroundings: HookSurroundings): Hook {
  switch (hook.name) {
    case 'passkey approval':
      return passkeyHook(hook.options, config)
    case 'traffic push':
      return trafficPush()
    case 'jwt':
      return jwtHook(hook.options, surroundings)
    case 'client approval':
      return clientApproval(hook.options)
    case 'torrent approval':
      return torrentApproval({ ...hook.options, hasSet: hook.options.setKey !== undefined })
    case 'interval variation':
      return intervalVariation(hook.options)
    case 'peer limit':
      return peerLimit({ leeching: hook.options.maxLeeching, seeding: hook.options.maxSeeding })
    case 'announce rate':
      return announceRate(hook.options)
  }
}

function passkeyHook(
  { hasWhitelist, encryptionKey, credentialMaxAgeSeconds }: PasskeyApprovalConfig,
  config: Config,
): Hook {
  return passkeyApproval({
    hasWhitelist,
    scrapeRequiresPasskey: config.http?.scrapeRequiresPasskey ?? false,
    credentials: encryptionKey && {
      open: (text) => decryptCredential(text, encryptionKey),
      maxAgeSeconds: credentialMaxAgeSeconds,
      nowSeconds: () => Date.now() / 1000,
    },
  })
}

function jwtHook(
  { issuer, audience, jwkSetUrl, updateIntervalMs }: JwtConfig,
  { keySets, onKeySetFailure }: HookSurroundings,
): Hook {
  const keySet = pollJson({
    url: jwkSetUrl,
    intervalMs: updateIntervalMs,
    initial: keySets.get(jwkSetUrl),
    parse(json) {
      const keys = parseJwkSet(json)
      keySets.set(jwkSetUrl, keys)
      return keys
    },
    onFailure: onKeySetFailure,
  })
  return jwt({ issuer, audience, keySet, nowSeconds: () => Date.now() / 1000 })
}
