import { showBytes, showCount } from '../amounts.ts'
import type { RedisFacts } from '../facts.ts'
import { configSet, error, type Finding, keepSetting, ok, warning } from '../finding.ts'

/** The alerts RedswarmRedisMemoryHigh and RedswarmRedisMemoryFull begin there too. */
const HIGH = 0.8
const FULL = 0.95
/** Of the machine's memory. A rewrite of the AOF copies what is written to meanwhile. */
const MOST_OF_MACHINE = 0.85
const GOOD_SHARE_OF_MACHINE = 2 / 3

/** What Redis does when it is full, and how near that is. */
export function checkMemory({ info }: Pick<RedisFacts, 'info'>): Finding[] {
  if (!info) return []
  const number = (name: string) => Number(info.get(name) ?? 0)
  const memory = {
    used: number('used_memory'),
    max: number('maxmemory'),
    machine: number('total_system_memory'),
    policy: info.get('maxmemory_policy') ?? '',
    evicted: number('evicted_keys'),
    configFile: info.get('config_file'),
  }
  return [...policy(memory), ...limit(memory), ...use(memory)]
}

interface Memory {
  readonly used: number
  readonly max: number
  readonly machine: number
  readonly policy: string
  readonly evicted: number
  readonly configFile: string | undefined
}

function policy({ policy, evicted, configFile }: Memory): Finding[] {
  const findings: Finding[] = []
  if (policy === 'noeviction') findings.push(ok('maxmemory-policy', 'maxmemory-policy is noeviction'))
  else
    findings.push(
      error('maxmemory-policy', `maxmemory-policy is ${policy}`, {
        meaning:
          'A full Redis throws away what it likes: the whitelist, sessions, traffic that is not settled. With noeviction it refuses announces whole, and clients bring the same totals later.',
        remedy: keepSetting(configFile),
        commands: configSet('maxmemory-policy', 'noeviction', configFile),
      }),
    )
  if (evicted > 0)
    findings.push(
      error('evicted-keys', `${showCount(evicted)} keys were evicted since the server was started`, {
        meaning:
          'Swarms, sessions, the whitelist or traffic may be among them. What was not settled of it is lost.',
        remedy:
          'Put the policy right, give it more memory, and look whether the whitelist is whole: redswarm passkeys count. The number goes back to 0 when Redis is restarted.',
      }),
    )
  return findings
}

function limit({ max, machine, configFile }: Memory): Finding[] {
  const good = machine > 0 ? String(Math.floor((machine * GOOD_SHARE_OF_MACHINE) / 1e6) * 1e6) : '2gb'
  const advice = {
    remedy:
      `Two thirds of the machine’s memory, if Redis has it to itself. ${keepSetting(configFile)}`.trim(),
    commands: configSet('maxmemory', good, configFile),
  }
  if (max === 0)
    return [
      warning('maxmemory', 'maxmemory is not set', {
        meaning:
          'Redis grows until the system ends it, and then everything stands still. With a limit it refuses announces and goes on settling, sweeping and answering.',
        ...advice,
      }),
    ]
  if (machine > 0 && max > machine * MOST_OF_MACHINE)
    return [
      warning('maxmemory', `maxmemory is ${showBytes(max)} of the machine’s ${showBytes(machine)}`, {
        meaning:
          'While Redis rewrites its AOF or copies to a replica, changed pages exist twice, and the system may end it.',
        ...advice,
      }),
    ]
  return [ok('maxmemory', `maxmemory is ${showBytes(max)}`)]
}

function use({ used, max, machine, configFile }: Memory): Finding[] {
  if (max === 0) return []
  const share = used / max
  const what = `memory: ${showBytes(used)} of ${showBytes(max)} used (${Math.round(share * 100)} %)`
  if (share < HIGH) return [ok('memory-used', what)]
  const more = Math.ceil(used / 0.6 / 1e6) * 1e6
  const isTooMuch = machine > 0 && more > machine * MOST_OF_MACHINE
  const advice = {
    remedy: isTooMuch
      ? 'Let a consumer settle and trim the stream, or move to a machine with more memory.'
      : `Let a consumer settle and trim the stream if that is what takes the room; else raise the limit. ${keepSetting(configFile)}`.trim(),
    commands: isTooMuch ? [] : configSet('maxmemory', String(more), configFile),
  }
  return share >= FULL
    ? [
        error('memory-used', what, {
          meaning: 'A full Redis refuses every announce: clients are told to come back, and swarms empty.',
          ...advice,
        }),
      ]
    : [warning('memory-used', what, { meaning: 'At the limit Redis refuses every announce.', ...advice })]
}
