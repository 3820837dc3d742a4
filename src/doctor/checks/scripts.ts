import type { RedisFacts } from '../facts.ts'
import { error, type Finding, ok } from '../finding.ts'

/** Whether Redis takes every script, and runs one. */
export function checkScripts({
  scripts,
  scrapeFailure,
}: Pick<RedisFacts, 'scripts' | 'scrapeFailure'>): Finding[] {
  const failed = scripts.filter(({ failure }) => failure !== undefined)
  const findings = failed.map(({ file, failure }) =>
    error('script', `Redis does not take lua/${file}: ${failure}`, {
      meaning: 'Whatever needs this script fails on this server.',
      remedy: 'Is it Redis 7.0 or newer, or Valkey? If it is, the package is damaged: install it again.',
    }),
  )
  if (findings.length === 0 && scripts.length > 0)
    findings.push(ok('script', `Redis takes all ${scripts.length} scripts`))
  if (scripts.length === 0 && scrapeFailure === undefined)
    findings.push(
      ok('script', 'Redis runs scripts with EVAL; without SCRIPT LOAD the first call of each loads it'),
    )
  // A user who may not run scripts is somebody who looks, not a tracker; the check of rights knows about the tracker.
  if (scrapeFailure !== undefined && !scrapeFailure.startsWith('NOPERM'))
    findings.push(
      error('scrape', `a scrape fails: ${scrapeFailure}`, {
        meaning: 'Announces are likely to fail as well.',
        remedy: 'The other findings should say why; if they do not, the log of Redis does.',
      }),
    )
  return findings
}
