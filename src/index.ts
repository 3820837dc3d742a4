/** The library a PT site imports: docs/library.md. */
export { maskPasskey } from './bittorrent/passkey.ts'
export type { AddressFamily, AnnounceEvent, Infohash, Passkey, PeerId } from './bittorrent/types.ts'
export { MalformedEvent, parseTrafficEvent, type TrafficFields } from './contract/parseTrafficEvent.ts'
export * from './contract/redisKeys.ts'
export * from './contract/trafficEvent.ts'
export { type Credential, encryptCredential } from './pt/credentials.ts'
export type { BooksOptions } from './pt/ledger/books.ts'
export type { Database, DatabaseOptions, DialectName } from './pt/ledger/dialect.ts'
export { inTotals, type JournalLine, type JournalQuery } from './pt/ledger/explain.ts'
export { Ledger, type LedgerOptions } from './pt/ledger/ledger.ts'
export type {
  TorrentPage,
  Totals,
  UserTorrent,
  UserTotals,
  WindowQuery,
  WindowTotals,
} from './pt/ledger/reading.ts'
export type {
  Comparison,
  Recomputation,
  RecomputeRequest,
  UserDifference,
  WindowRange,
} from './pt/ledger/recompute.ts'
export { asBigint, asNumber, type LedgerTables } from './pt/ledger/tables.ts'
export * from './pt/ledger/types.ts'
export type { PasskeyAudit } from './pt/passkeyAudit.ts'
export * from './pt/passkeyErrors.ts'
export type { PasskeySource } from './pt/passkeyImport.ts'
export type { Difference, SwapOptions, SwapOutcome, SwapProgress } from './pt/passkeySwapOptions.ts'
export { type ImportOutcome, type Passkeys, type PasskeysOptions, passkeys } from './pt/passkeys.ts'
export {
  createRiskEvaluator,
  type Evaluation,
  type EvaluationProgress,
  type RiskBooks,
  type RiskEvaluator,
  type RiskEvaluatorOptions,
} from './pt/risk/evaluator.ts'
export type { FlagFilter } from './pt/risk/findFlags.ts'
export * from './pt/risk/finding.ts'
export type { FlagState, Hold, RiskFlag } from './pt/risk/flags.ts'
export { type DecisionOptions, openRiskDesk, type RiskDesk, RiskRefused } from './pt/risk/riskDesk.ts'
export { DEFAULT_RISK_SETTINGS, type RiskRules, type RiskSettings } from './pt/risk/thresholds.ts'
export type { ConsumerObserver } from './pt/traffic/consumerObserver.ts'
export type { TrafficConsumerOptions } from './pt/traffic/consumerOptions.ts'
export { TrafficConsumer } from './pt/traffic/trafficConsumer.ts'
export type { GroupState, TrafficState } from './pt/traffic/trafficScripts.ts'
export { createVerifyApp, type VerifyAppOptions, type VerifyRequestAudit } from './pt/verifyApp.ts'
export { SIGNATURE_HEADER, signVerifyRequest, TIMESTAMP_HEADER } from './pt/verifySignature.ts'
export type { RedisTarget } from './redis/connection.ts'
export { parseEncryptionKey } from './runtime/encryptionKey.ts'
export { EntryNotSettled, LedgerUnavailable, StoreUnavailable } from './runtime/errors.ts'
export type { Logger } from './runtime/logger.ts'
