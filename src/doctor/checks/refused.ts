import type { RedisFacts } from '../facts.ts'
import { type Finding, info as note, ok, redisCli, warning } from '../finding.ts'

/** What could not be asked, so that a check that found nothing is not taken for one that was made. */
export function checkRefused({
  refused,
  user,
  config,
}: Pick<RedisFacts, 'refused' | 'user' | 'config'>): Finding[] {
  if (refused.length === 0) return [ok('asked', 'Redis answered every question')]
  const of = (why: (typeof refused)[number]['why']) => refused.filter((each) => each.why === why)
  const names = (list: typeof refused) => list.map(({ command }) => command).join(', ')
  const [forbidden, unknown, other] = [of('permission'), of('unknown'), of('other')]
  const findings: Finding[] = []
  if (forbidden.length > 0) {
    const plain = forbidden
      .filter(({ hasKeys }) => !hasKeys)
      .map(({ command }) => `+${command.toLowerCase().replace(' ', '|')}`)
    // All of reading at once: some questions come up only after others were answered.
    const reading = forbidden.some(({ hasKeys }) => hasKeys)
      ? [`(+@read -@dangerous %R~${config.redis.keyPrefix}*)`]
      : []
    findings.push(
      warning('asked', `could not be asked: ${names(forbidden)} (NOPERM for the user ${user})`, {
        meaning: 'What these would show was not looked at.',
        remedy:
          'Run this as a user who may look at everything, like operator of dist/redis/users.acl: REDIS_URL=redis://operator:…@host:6379/0. Or, as an administrator:',
        commands: [redisCli('ACL', 'SETUSER', user, ...plain, ...reading)],
      }),
    )
  }
  if (unknown.length > 0)
    findings.push(
      note(
        'asked',
        `could not be asked: ${names(unknown)} (the server does not have it, or under another name)`,
        {
          meaning:
            'What these would show was not looked at. Services that run Redis for you often keep CONFIG to themselves.',
          remedy:
            'Look at maxmemory-policy, persistence and listpack limits where the service lets you set them.',
        },
      ),
    )
  for (const { command, text } of other)
    findings.push(
      warning('asked', `could not be asked: ${command} (${text})`, {
        meaning: 'What it would show was not looked at.',
        remedy: 'The answer of Redis says why.',
      }),
    )
  return findings
}
