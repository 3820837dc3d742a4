import { z } from 'zod'
import { parsePasskey } from '../../bittorrent/passkey.ts'
import { type Entry, section } from '../../config/section.ts'
import { cidr, list, seconds, value } from '../../config/values.ts'
import { RISK_RULES, type RiskRules, type RuleName } from './rules/list.ts'

const passkey = value((raw) => {
  const read = typeof raw === 'string' ? parsePasskey(raw) : undefined
  if (read === undefined) throw new RangeError('is not a passkey of 1 to 128 of A-Z a-z 0-9 - _')
  return read
})

/** `risk` of the file, as far as it holds for all rules. */
const common = section({
  /** A window is judged this long after its end, when downloaders have announced their bytes too. */
  evaluationDelaySeconds: ['evaluation_delay', seconds('0s', '24h').prefault('1h')],
  /** A flag that was dismissed or released keeps its rule quiet about its subject for so long. */
  quietSeconds: ['quiet_after_decision', seconds('0s', '8760h').prefault('168h')],
  exemptPasskeys: ['exempt_passkeys', list(passkey).prefault([]), 'secret'],
  /** Addresses and CIDR ranges. */
  seedboxNetworks: ['seedbox_networks', list(cidr).prefault([])],
})

/** What the section `risk` of the configuration says. */
export type RiskSettings = Omit<z.output<typeof common>, 'exemptPasskeys'> & {
  readonly exemptPasskeys: readonly string[]
  readonly rules: RiskRules
}

const ruleEntries = Object.fromEntries(
  RISK_RULES.map(({ name, settings }): [RuleName, Entry] => [name, [name, settings.prefault({})]]),
)

/** The rules stand together in the program, and beside the other keys in the file. */
export const riskSection = z.codec(
  section({ ...common.entries, ...ruleEntries }),
  z.custom<RiskSettings>(() => true),
  {
    decode: (values) => {
      const entries = Object.entries(values)
      const isRule = ([name]: [string, unknown]) => name in ruleEntries
      const rules = Object.fromEntries(entries.filter(isRule))
      const others = Object.fromEntries(entries.filter((entry) => !isRule(entry)))
      return { ...others, rules } as unknown as RiskSettings
    },
    encode: ({ rules, ...others }) => ({ ...others, ...rules }),
  },
)

/** Where each number comes from stands in docs/risk.md. */
export const DEFAULT_RISK_SETTINGS: RiskSettings = riskSection.parse({})
