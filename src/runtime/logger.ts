import { pino } from 'pino'

/** What the program logs through: an object, then a short sentence. Never a passkey, a secret or a full query. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'

export interface AdjustableLogger extends Logger {
  setLevel(level: LogLevel): void
}

/** JSON lines on stderr; stdout stays free for what a command prints. */
export function createLogger(level: LogLevel): AdjustableLogger {
  const logger = pino(
    {
      level,
      base: { pid: process.pid },
      formatters: { level: (label) => ({ level: label }) },
      redact: ['passkey', '*.passkey', 'password', '*.password'],
    },
    pino.destination(2),
  )
  return Object.assign(logger, {
    setLevel(wanted: LogLevel) {
      logger.level = wanted
    },
  })
}
