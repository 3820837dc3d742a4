/** The library a PT site imports: docs/library.md. */
export { maskPasskey } from './bittorrent/passkey.ts'
export type { AddressFamily, AnnounceEvent, Infohash, Passkey, PeerId } from './bittorrent/types.ts'
export { type Credential, encryptCredential } from './contract/credentials.ts'
export { MalformedEvent, parseTrafficEvent, type TrafficFields } from './contract/parseTrafficEvent.ts'
export * from './contract/redisKeys.ts'
export * from './contract/trafficEvent.ts'
export { SIGNATURE_HEADER, signVerifyRequest, TIMESTAMP_HEADER } from './contract/verifySignature.ts'
export type { RedisTarget } from './redis/connection.ts'
export { parseEncryptionKey } from './runtime/encryptionKey.ts'
export { EntryNotSettled, LedgerUnavailable, StoreUnavailable } from './runtime/errors.ts'
export type { Logger } from './runtime/logger.ts'
export { inTotals, type JournalLine, type JournalQuery } from './site/ledger/explain.ts'
export { type Ledger, type LedgerOptions, openLedger } from './site/ledger/ledger.ts'
export type {
  TorrentPage,
  Totals,
  UserTorrent,
  UserTotals,
  WindowQuery,
  WindowTotals,
} from './site/ledger/reading.ts'
export type {
  Comparison,
  Recomputation,
  RecomputeRequest,
  UserDifference,
  WindowRange,
} from './site/ledger/recompute.ts'
export type { LedgerRules } from './site/ledger/rules.ts'
export type { Database, DatabaseOptions, DialectName, SqlDialect } from './site/ledger/sql/dialect.ts'
export { asBigint, asNumber, type LedgerTables } from './site/ledger/sql/tables.ts'
export * from './site/ledger/types.ts'
export type { PasskeyAudit } from './site/passkeys/passkeyAudit.ts'
export * from './site/passkeys/passkeyErrors.ts'
export type { PasskeySource } from './site/passkeys/passkeyImport.ts'
export type {
  Difference,
  SwapOptions,
  SwapOutcome,
  SwapProgress,
} from './site/passkeys/passkeySwapOptions.ts'
export {
  createPasskeys,
  type ImportOutcome,
  type Passkeys,
  type PasskeysOptions,
} from './site/passkeys/passkeys.ts'
export {
  createRiskEvaluator,
  type Evaluation,
  type EvaluationProgress,
  type RiskEvaluator,
  type RiskEvaluatorOptions,
  type RiskLedger,
} from './site/risk/evaluator.ts'
export type { FlagFilter } from './site/risk/findFlags.ts'
export type { Finding } from './site/risk/finding.ts'
export type { FlagState, Hold, RiskFlag } from './site/risk/flags.ts'
export { type DecisionOptions, openRiskDesk, type RiskDesk, RiskRefused } from './site/risk/riskDesk.ts'
export { type RiskRules, RULE_NAMES, type RuleName } from './site/risk/rules/list.ts'
export { DEFAULT_RISK_SETTINGS, type RiskSettings } from './site/risk/settings.ts'
export {
  type Evidence,
  type EvidenceValue,
  RISK_ACTIONS,
  type RiskAction,
  SEVERITIES,
  type Severity,
} from './site/risk/verdict.ts'
export type { ConsumerObserver } from './site/traffic/consumerObserver.ts'
export type { TrafficConsumerOptions } from './site/traffic/consumerOptions.ts'
export { createTrafficConsumer, type TrafficConsumer } from './site/traffic/trafficConsumer.ts'
export type { GroupState, TrafficState } from './site/traffic/trafficScripts.ts'
export { createVerifyApp, type VerifyAppOptions, type VerifyRequestAudit } from './site/verify/verifyApp.ts'
