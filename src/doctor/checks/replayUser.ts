import type { RedisFacts } from '../facts.ts'
import { error, type Finding, ok, redisCli } from '../finding.ts'

/**
 * Redis 7.0 replays its append-only file as the user `default`, and skips a transaction that this user may not run, with
 * a line in its log for each. A script that writes twice is a transaction, so every announce is.
 */
export function checkReplayUser({
  info,
  isReplayAllowed,
}: Pick<RedisFacts, 'info' | 'isReplayAllowed'>): Finding[] {
  if (info?.get('aof_enabled') !== '1' || isReplayAllowed === undefined) return []
  if (isReplayAllowed) return [ok('replay-user', 'the user default may replay the append-only file')]
  return [
    error('replay-user', 'the user default may not run all that is in the append-only file', {
      meaning:
        'Redis replays the file as this user: a restart skips every announce in it, and comes back without swarms, totals and unsettled traffic.',
      remedy:
        'Turn it off and give it all rights: nobody gets in as a user that is off; programs that come without a user name need one first. Put it into the file that Redis loads its users from as well (dist/redis/users.acl has it so):',
      commands: [redisCli('ACL', 'SETUSER', 'default', 'off', 'resetpass', '~*', '&*', '+@all')],
    }),
  ]
}
