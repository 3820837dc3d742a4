import type { RiskRule, RuleSettings, RuleSources } from './rule.ts'
import { RISK_RULES, type RiskRules, type RuleName } from './rules/list.ts'
import type { Span, Verdict } from './verdict.ts'

/** A verdict with its rule, and the time whose credit is in question. */
export interface Finding extends Verdict, Span {
  readonly rule: RuleName
  /** Of the rule: another number, another way to decide. */
  readonly version: number
}

type AnyRule = RiskRule<RuleName, RuleSettings, unknown>

/** Everything that the rules find in one window, except about exempt passkeys. */
export async function findingsOf(window: Span, rules: RiskRules, sources: RuleSources): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const rule of RISK_RULES as readonly AnyRule[]) {
    const settings = rules[rule.name]
    if (settings.action === 'off') continue
    const span = rule.spanOf?.(settings, window) ?? window
    for await (const features of rule.read({ ...sources, window, span, settings }))
      findings.push(...decide(rule, features, span, settings))
  }
  return findings.filter(({ passkey }) => passkey === undefined || !sources.exemptions.isExempt(passkey))
}

/** A rule's verdicts as findings. */
export function decide<Settings extends RuleSettings, Features>(
  rule: RiskRule<RuleName, Settings, Features>,
  features: Features,
  span: Span,
  settings: Settings,
): Finding[] {
  const { name, version } = rule
  return rule
    .decide(features, span, settings)
    .map((verdict) => ({ rule: name, version, ...span, ...verdict }))
}
