import type { RedisFacts } from '../facts.ts'
import { error, type Finding, info as note, ok } from '../finding.ts'

const OLDEST = 7

/** Which server it is. Script flags, and the answer of XAUTOCLAIM about entries that are gone, came with Redis 7.0. */
export function checkVersion({ info }: Pick<RedisFacts, 'info'>): Finding[] {
  if (!info) return []
  const redis = info.get('redis_version') ?? ''
  const findings: Finding[] = []
  const valkey = info.get('valkey_version')
  const foreign = ['dragonfly_version', 'kvrocks_version', 'garnet_version'].find((name) => info.has(name))
  if (valkey !== undefined) findings.push(ok('version', `Valkey ${valkey}`))
  else if (foreign !== undefined)
    findings.push(
      note(
        'version',
        `${foreign.replace('_version', '')} ${info.get(foreign)}, which calls itself Redis ${redis}`,
        {
          meaning: 'Redswarm is tested with Redis and Valkey only.',
          remedy: 'Try announces, sweeps and a consumer on it before you rely on it.',
        },
      ),
    )
  else if (Number.parseInt(redis, 10) >= OLDEST) findings.push(ok('version', `Redis ${redis}`))
  else
    findings.push(
      error('version', `Redis ${redis}`, {
        meaning: `Redswarm needs Redis ${OLDEST}.0 or any Valkey: older servers do not take its scripts.`,
        remedy: 'Upgrade the server. Redis 7 reads the files of older ones.',
      }),
    )
  if (info.get('cluster_enabled') === '1')
    findings.push(
      error('cluster', 'the server is part of a Redis Cluster', {
        meaning:
          'One announce touches keys that a cluster keeps on different servers, so every announce fails.',
        remedy: 'Use one primary, with replicas if you like. Cluster is not supported yet.',
      }),
    )
  return findings
}
