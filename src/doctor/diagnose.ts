import { checkClock } from './checks/clock.ts'
import { checkConfigFile } from './checks/config.ts'
import { checkConnection } from './checks/connection.ts'
import { checkDeadLetters } from './checks/deadLetters.ts'
import { checkGroups } from './checks/groups.ts'
import { checkKeyTypes } from './checks/keyTypes.ts'
import { checkLedgerFile } from './checks/ledgerFile.ts'
import { checkListpacks } from './checks/listpacks.ts'
import { checkMachine } from './checks/machine.ts'
import { checkMemory } from './checks/memory.ts'
import { checkPasskeys } from './checks/passkeys.ts'
import { checkPersistence } from './checks/persistence.ts'
import { checkRefused } from './checks/refused.ts'
import { checkReplayUser } from './checks/replayUser.ts'
import { checkReplication } from './checks/replication.ts'
import { checkRights } from './checks/rights.ts'
import { checkScripts } from './checks/scripts.ts'
import { checkSizes } from './checks/sizes.ts'
import { checkStream } from './checks/stream.ts'
import { checkTorrents } from './checks/torrents.ts'
import { checkTrackers } from './checks/trackers.ts'
import { checkVersion } from './checks/version.ts'
import type { Facts, RedisFacts } from './facts.ts'
import type { Finding } from './finding.ts'

/** All that Redis was asked about, in the order of a report. */
const REDIS_CHECKS: readonly ((facts: RedisFacts) => Finding[])[] = [
  checkVersion,
  checkReplication,
  checkMemory,
  checkPersistence,
  checkReplayUser,
  ({ clock, config }) => checkClock(clock, config),
  checkScripts,
  checkRights,
  checkKeyTypes,
  checkListpacks,
  checkSizes,
  checkPasskeys,
  checkTorrents,
  checkStream,
  checkGroups,
  checkDeadLetters,
  checkTrackers,
  checkRefused,
]

/** What the facts mean. Pure. */
export function diagnose({ configFile, machine, connection, redis }: Facts): Finding[] {
  return [
    ...checkConfigFile(configFile),
    ...checkMachine(machine, configFile.config),
    ...checkLedgerFile(machine.ledgerFile),
    ...(connection ? checkConnection(connection) : []),
    ...(redis ? REDIS_CHECKS.flatMap((check) => check(redis)) : []),
  ]
}
