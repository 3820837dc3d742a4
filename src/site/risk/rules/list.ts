import type { z } from 'zod'
import { completedWithoutDataRule } from './completedWithoutData.ts'
import { counterResetsRule } from './counterResets.ts'
import { impossibleRateRule } from './impossibleRate.ts'
import { manyNetworksRule } from './manyNetworks.ts'
import { sharedIdentityRule } from './sharedIdentity.ts'
import { uploadAboveDownloadsRule } from './uploadAboveDownloads.ts'
import { uploadWithoutLeechersRule } from './uploadWithoutLeechers.ts'

/** Every rule there is, in the order in which they run. */
export const RISK_RULES = [
  impossibleRateRule,
  uploadWithoutLeechersRule,
  uploadAboveDownloadsRule,
  manyNetworksRule,
  sharedIdentityRule,
  counterResetsRule,
  completedWithoutDataRule,
] as const
type Rule = (typeof RISK_RULES)[number]

/** One of `RULE_NAMES`. */
export type RuleName = Rule['name']
/** Keys of the configuration, values of the metric's label and of the table. */
export const RULE_NAMES: readonly RuleName[] = RISK_RULES.map(({ name }) => name)

/** Action and thresholds of each rule, by its name; docs/risk.md says what each is for. */
export type RiskRules = { readonly [R in Rule as R['name']]: z.output<R['settings']> }
