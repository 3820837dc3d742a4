import { findHook } from '../../config/hooks.ts'
import type { Relation } from '../../config/problem.ts'
import type { SiteSection } from '../../config/siteSections.ts'
import type { RiskRule, RuleSettings } from '../../site/risk/rule.ts'
import { RISK_RULES } from '../../site/risk/rules/list.ts'
import { type RiskSettings, riskSection } from '../../site/risk/settings.ts'

const AT = ['chihaya', 'risk']

export const riskSettings: SiteSection<RiskSettings> = {
  key: 'risk',
  schema: riskSection.prefault({}),
  *problems({ evaluationDelaySeconds, rules }, { hooks }): Generator<Relation> {
    const approval = findHook(hooks, 'passkey approval')
    for (const rule of RISK_RULES as readonly RiskRule<keyof typeof rules, RuleSettings, unknown>[]) {
      const settings = rules[rule.name]
      if (settings.action === 'off') continue
      for (const { key, text } of rule.problems?.(settings, evaluationDelaySeconds) ?? [])
        yield { path: [...AT, rule.name, key], involves: [[...AT, 'evaluation_delay']], text }
      if (settings.action === 'deny' && !approval?.options.hasWhitelist)
        yield {
          path: [...AT, rule.name, 'action'],
          involves: approval ? [[...approval.at, 'options', 'whitelist']] : [],
          text: 'deny takes passkeys off the whitelist, so it needs the hook passkey approval, and a whitelist',
        }
    }
  },
  *warnings({ evaluationDelaySeconds }, { announceIntervalSeconds }) {
    if (evaluationDelaySeconds < announceIntervalSeconds)
      yield {
        path: [...AT, 'evaluation_delay'],
        text: 'is below announce_interval: windows are judged before downloaders have announced these bytes',
      }
  },
}
