import { counted, showTime } from '../amounts.ts'
import type { RedisFacts } from '../facts.ts'
import { error, type Finding, info as note, ok, redisCli, warning } from '../finding.ts'

const FAR_BEHIND_SECONDS = 10

/** Whether this is the server that writes go to, and who follows it. */
export function checkReplication({ info }: Pick<RedisFacts, 'info'>): Finding[] {
  if (!info) return []
  if (info.get('role') !== 'master') return [isReplica(info)]
  const connected = Number(info.get('connected_slaves') ?? 0)
  const findings = [...replicasOf(info), ...enoughReplicas(info)]
  if (findings.length > 0) return findings
  if (connected > 0)
    return [
      ok('replication', `primary with ${counted(connected, 'replica', 'replicas')}, all of them up to date`),
    ]
  return [
    note('replication', 'primary without a replica', {
      meaning:
        'When its machine is gone, trackers wait until another Redis is there; what is not settled is as old as the backup.',
      remedy:
        'Where that matters: a second Redis with replicaof, and somebody or something that promotes it.',
    }),
  ]
}

function isReplica(info: ReadonlyMap<string, string>): Finding {
  const primary = `${info.get('master_host')}:${info.get('master_port')}`
  return error('replication', `this is a replica of ${primary}`, {
    meaning: 'It takes no writes, so every announce fails with READONLY.',
    remedy: `Point redis_broker (or REDIS_URL) at the primary, ${primary}. If that one is gone for good, promote this one:`,
    commands: [redisCli('REPLICAOF', 'NO', 'ONE')],
  })
}

function replicasOf(info: ReadonlyMap<string, string>): Finding[] {
  const findings: Finding[] = []
  for (let i = 0; info.has(`slave${i}`); i++) {
    const fields = new Map(
      info
        .get(`slave${i}`)!
        .split(',')
        .map((each) => each.split('=') as [string, string]),
    )
    const name = `${fields.get('ip')}:${fields.get('port')}`
    const lag = Number(fields.get('lag') ?? 0)
    const isOnline = fields.get('state') === 'online'
    if (isOnline && lag <= FAR_BEHIND_SECONDS) continue
    findings.push(
      warning(
        'replica',
        `the replica ${name} is ${isOnline ? `${showTime(lag)} behind` : fields.get('state')}`,
        {
          meaning:
            'Were it promoted now, what it has not received would be undone: passkeys added, and peers. Credit is not: the consumer settles each byte once.',
          remedy:
            'Look at its log and at the network between the two. A full copy again and again: raise repl-backlog-size.',
        },
      ),
    )
  }
  return findings
}

/** INFO has the number of replicas in touch only while some are demanded. */
function enoughReplicas(info: ReadonlyMap<string, string>): Finding[] {
  const inTouch = info.get('min_slaves_good_slaves')
  if (inTouch === undefined || Number(inTouch) > 0) return []
  return [
    error('min-replicas', 'writes wait for replicas, and none is in touch', {
      meaning:
        'min-replicas-to-write is set, so Redis refuses every write (NOREPLICAS): no announce is served.',
      remedy: 'Bring a replica back. Until there is one, writes go on with:',
      commands: [redisCli('CONFIG', 'SET', 'min-replicas-to-write', '0')],
    }),
  ]
}
