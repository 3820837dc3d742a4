import { counted } from '../amounts.ts'
import type { RedisFacts } from '../facts.ts'
import { type Finding, ok, redswarm, warning } from '../finding.ts'

/** Entries that the consumer could not settle. */
export function checkDeadLetters({
  deadLetters: { waiting, failed },
}: Pick<RedisFacts, 'deadLetters'>): Finding[] {
  if (waiting === undefined || failed === undefined) return []
  if (waiting + failed === 0) return [ok('dead-letters', 'no dead letters')]
  const findings: Finding[] = []
  if (waiting > 0)
    findings.push(
      warning('dead-letters', `${counted(waiting, 'entry', 'entries')} could not be settled`, {
        meaning:
          'That traffic is credited to nobody until it is replayed. Each entry has the reason with it.',
        remedy: 'See why, mend that, and settle them again, each once:',
        commands: [
          redswarm('traffic', 'dlq', 'list'),
          redswarm('traffic', 'dlq', 'replay', '--all', '--db', 'URL'),
        ],
      }),
    )
  if (failed > 0)
    findings.push(
      warning(
        'given-up',
        `${counted(failed, 'entry was', 'entries were')} given up after too many attempts`,
        {
          meaning: 'That traffic is credited to nobody.',
          remedy: 'See why. They can still be replayed, or removed (purge):',
          commands: [
            redswarm('traffic', 'dlq', 'list', '--failed'),
            redswarm('traffic', 'dlq', 'replay', '--all', '--failed', '--db', 'URL'),
          ],
        },
      ),
    )
  return findings
}
