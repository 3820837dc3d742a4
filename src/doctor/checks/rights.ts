import type { MissingRight, RedisFacts } from '../facts.ts'
import { type Command, error, type Finding, info as note, ok, redisCli } from '../finding.ts'

const MOST_SHOWN = 8

/** Whether the tracker may do what it has to, by Redis' own word. */
export function checkRights({ rights: { user, missing } }: Pick<RedisFacts, 'rights'>): Finding[] {
  if (user === undefined)
    return [
      note('rights', 'whether the tracker’s user may do what it has to could not be asked', {
        meaning:
          'This user runs no scripts, and may not ask about others (ACL DRYRUN), or there is no user of that name.',
        remedy: 'Run this as the tracker’s user, or as one who may ask, with --tracker-user NAME.',
      }),
    ]
  if (missing.length === 0) return [ok('rights', `the user ${user} may do all that a tracker does`)]
  const names = missing.map(({ command, keys }) => `${command}${keys.length === 1 ? ` on ${keys[0]}` : ''}`)
  const more = names.length - MOST_SHOWN
  return [
    error(
      'rights',
      `NOPERM: the user ${user} may not ${names.slice(0, MOST_SHOWN).join(', ')}${more > 0 ? ` and ${more} more` : ''}`,
      {
        meaning: 'What of an announce, the sweep or the metrics needs it fails.',
        remedy:
          'Allow it, as an administrator of Redis, and in the file that Redis loads its users from (dist/redis/users.acl has them all):',
        commands: [allow(user, missing)],
      },
    ),
  ]
}

/** One set of rules for each combination of keys, so that no command is allowed on keys it was not meant for. */
export function allow(user: string, missing: readonly MissingRight[]): Command {
  const plain = missing.filter(({ keys }) => keys.length === 0).map(({ command }) => `+${command}`)
  const sets = Map.groupBy(
    missing.filter(({ keys }) => keys.length > 0),
    ({ keys, isRead }) => keys.map((key) => `${isRead ? '%R' : ''}~${key}`).join(' '),
  )
  const selectors = [...sets].map(
    ([keys, rights]) => `(${[...new Set(rights.map(({ command }) => `+${command}`))].join(' ')} ${keys})`,
  )
  return redisCli('ACL', 'SETUSER', user, ...new Set(plain), ...selectors)
}
