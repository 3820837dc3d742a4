import { type Kysely, sql } from 'kysely'
import { SPELLINGS } from './createTables.ts'
import type { DialectName } from './dialect.ts'

/** Which window is judged next, Unix seconds; 0 before the first. Whoever writes flags locks this row first. */
export const RISK_CURSOR = 'risk_next_window'

/** Flags of the risk rules: what they found, and what staff decided. */
export async function createRiskTables(db: Kysely<unknown>, dialect: DialectName): Promise<void> {
  const { key, text, long, big, end } = SPELLINGS[dialect]
  const required = `${big} not null`
  const statements = [
    `create table pt_risk_flags (flag ${key(40)} not null, rule ${key(32)} not null, version ${required},
      severity ${key(12)} not null, action ${key(12)} not null, state ${key(12)} not null, passkey ${key(128)} not null,
      infohash ${key(40)} not null, window_start ${required}, last_window ${required}, windows ${required},
      summary ${text(1000)} not null, evidence ${long} not null, hold ${key(40)} not null, denied_at ${big},
      noted_at ${required}, decided_at ${big}, decided_by ${text(128)}, note ${text(1000)},
      primary key (flag)) ${end('grows')}`,
    'create index pt_risk_flags_subject on pt_risk_flags (passkey, infohash, rule)',
    'create index pt_risk_flags_state on pt_risk_flags (state, last_window)',
    `insert into pt_meta (name, value) values ('${RISK_CURSOR}', '0')`,
  ]
  for (const statement of statements) await sql.raw(statement).execute(db)
}

export async function dropRiskTables(db: Kysely<unknown>): Promise<void> {
  await sql.raw('drop table if exists pt_risk_flags').execute(db)
  await sql.raw(`delete from pt_meta where name = '${RISK_CURSOR}'`).execute(db)
}
