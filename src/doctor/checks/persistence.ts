import { showTime } from '../amounts.ts'
import type { RedisFacts } from '../facts.ts'
import { configSet, error, type Finding, keepSetting, info as note, ok, warning } from '../finding.ts'

const LOSES_WHITELIST =
  'A restart of Redis loses the whitelist (nobody may announce), every session’s totals, and all traffic that is not settled.'

/** What survives a restart or a crash of Redis. */
export function checkPersistence({ info, settings }: Pick<RedisFacts, 'info' | 'settings'>): Finding[] {
  if (!info) return []
  return [...methods(info, settings), ...lastWrites(info, settings)]
}

type Values = ReadonlyMap<string, string>

function methods(info: Values, settings: Values | undefined): Finding[] {
  const configFile = info.get('config_file')
  const turnOn = {
    remedy: `The append-only file loses about a second of writes at most. ${keepSetting(configFile)}`.trim(),
    commands: configSet('appendonly', 'yes', configFile),
  }
  if (info.get('aof_enabled') === '1')
    return [ok('persistence', 'appendonly is on'), ...syncing(settings, configFile)]
  if (!settings)
    return [
      warning('persistence', 'appendonly is off, and whether there are snapshots could not be asked', {
        meaning: LOSES_WHITELIST,
        remedy: 'Look in the settings of the service, and turn on its append-only file.',
      }),
    ]
  if (!settings.get('save'))
    return [error('persistence', 'nothing is kept on disk', { meaning: LOSES_WHITELIST, ...turnOn })]
  const sinceSeconds = Number(info.get('rdb_last_save_time') ?? 0)
  const age = sinceSeconds > 0 ? `; the last one is ${showTime(ageOf(info, sinceSeconds))} old` : ''
  return [
    warning('persistence', `snapshots only (save ${settings.get('save')})${age}`, {
      meaning:
        'A crash loses everything since the last snapshot. Credit that was settled stays, and clients bring the rest with their totals; passkeys added meanwhile are gone.',
      ...turnOn,
    }),
  ]
}

function ageOf(info: Values, sinceSeconds: number): number {
  const nowSeconds = Number(info.get('server_time_usec') ?? 0) / 1e6
  return Math.max(0, nowSeconds - sinceSeconds)
}

function syncing(settings: Values | undefined, configFile: string | undefined): Finding[] {
  const advice = {
    remedy: keepSetting(configFile),
    commands: configSet('appendfsync', 'everysec', configFile),
  }
  switch (settings?.get('appendfsync')) {
    case undefined:
      return []
    case 'no':
      return [
        warning('appendfsync', 'appendfsync is no', {
          meaning:
            'A crash of the machine loses what the system has not written yet, which may be half a minute.',
          ...advice,
        }),
      ]
    case 'always':
      return [
        note('appendfsync', 'appendfsync is always', {
          meaning: 'Every announce waits for the disk. Safe, and slow unless the disk is very quick.',
          ...advice,
        }),
      ]
    default:
      return [ok('appendfsync', 'appendfsync is everysec')]
  }
}

function lastWrites(info: Values, settings: Values | undefined): Finding[] {
  const findings: Finding[] = []
  const look =
    'What Redis says of it is in its log: usually a full disk, or a folder that it may not write to.'
  if (info.get('loading') === '1')
    findings.push(
      error('loading', 'Redis is reading its data from disk', {
        meaning: 'Until it is done no announce is served.',
        remedy: 'Wait, and ask again.',
      }),
    )
  if (info.get('aof_enabled') === '1' && info.get('aof_last_write_status') === 'err')
    findings.push(
      error('aof-write', 'the last write of the append-only file failed', {
        meaning: 'Redis refuses every write until it succeeds: no announce is served.',
        remedy: `Make room or put the rights right; it goes on by itself. ${look}`,
      }),
    )
  if (info.get('aof_last_bgrewrite_status') === 'err')
    findings.push(
      warning('aof-rewrite', 'the last rewrite of the append-only file failed', {
        meaning: 'The file grows without end, and a restart reads all of it.',
        remedy: `${look} Then try again:`,
        commands: [['redis-cli', 'BGREWRITEAOF']],
      }),
    )
  if (info.get('rdb_last_bgsave_status') === 'err') findings.push(failedSnapshot(settings, look))
  return findings
}

function failedSnapshot(settings: Values | undefined, look: string): Finding {
  const stops = settings?.get('stop-writes-on-bgsave-error') !== 'no' && settings?.get('save') !== ''
  const advice = { remedy: `${look} Then try again:`, commands: [['redis-cli', 'BGSAVE']] as const }
  return stops
    ? error('snapshot', 'the last snapshot failed', {
        meaning: 'Redis refuses every write until one succeeds (MISCONF): no announce is served.',
        ...advice,
      })
    : warning('snapshot', 'the last snapshot failed', { meaning: 'There is no new backup.', ...advice })
}
