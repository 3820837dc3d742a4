import type { ConfigFacts } from '../facts.ts'
import { error, type Finding, ok, redswarm, warning } from '../finding.ts'

/** What the file itself says against the start. */
export function checkConfigFile({ problems, warnings }: ConfigFacts): Finding[] {
  const commands = [redswarm('check-config')]
  if (problems.length > 0)
    return problems.map((problem) =>
      error('config', problem, {
        meaning: 'No tracker starts with this configuration, and Redis was not looked at.',
        remedy: 'Change the file, then ask again:',
        commands,
      }),
    )
  if (warnings.length === 0) return [ok('config', 'the configuration is valid')]
  return warnings.map((text) =>
    warning('config-warning', text, {
      meaning: 'The tracker starts all the same, and does not quite what the file seems to say.',
      remedy: 'Change or remove the key; this shows what is in effect:',
      commands,
    }),
  )
}
