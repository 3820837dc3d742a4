import { DEFAULT_RULES, type LedgerRules } from './rules.ts'
import type { SqlDialect } from './sql/dialect.ts'
import { type Reads, readsOf } from './sql/readTexts.ts'
import { Statements } from './sql/statements.ts'
import { type Writes, writesOf } from './sql/writes.ts'

/** The rules and the statements: one set of tables in one dialect. */
export interface LedgerContext extends Required<LedgerRules> {
  readonly dialect: SqlDialect
  readonly writes: Writes
  readonly reads: Reads
}

export function contextOf(dialect: SqlDialect, options: LedgerRules = {}, prefix = 'pt_'): LedgerContext {
  const statements = new Statements(dialect, prefix)
  return { ...DEFAULT_RULES, ...options, dialect, writes: writesOf(statements), reads: readsOf(statements) }
}
