import { type DestinationStream, pino } from 'pino'
import { rootMessage } from './errors.ts'

/** What the program logs through: an object, then a short sentence. Never a passkey, a secret or a full query. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

export interface AdjustableLogger extends Logger {
  /** As configured. While debugging is on it waits for its end. */
  setLevel(level: LogLevel): void
  /** All there is to say, whatever is configured; and as configured again. */
  setDebugging(isOn: boolean): void
  isDebugging(): boolean
}

/** Fields that must never be said, should they ever come along. */
const SECRETS = ['passkey', 'password', 'privateKey', 'apiKey', 'secret', 'authorization', 'url']
const REDACTED = SECRETS.flatMap((name) => [name, `*.${name}`])

/** JSON lines on stderr; stdout stays free for what a command prints. */
export function createLogger(level: LogLevel, to: DestinationStream = pino.destination(2)): AdjustableLogger {
  const logger = pino(
    {
      level,
      base: { pid: process.pid },
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeFault },
      redact: REDACTED,
    },
    to,
  )
  let configured = level
  let isDebugging = false
  const apply = () => {
    const isMore = configured === 'trace'
    logger.level = isDebugging && !isMore ? 'debug' : configured
  }
  return Object.assign(logger, {
    setLevel(wanted: LogLevel) {
      configured = wanted
      apply()
    },
    setDebugging(isOn: boolean) {
      isDebugging = isOn
      apply()
    },
    isDebugging: () => isDebugging,
  })
}

/**
 * An error as the log has it: what it is, where it came from, and what lies under it. Nothing else that hangs on it: an
 * error of the Redis client carries its command, and that may carry a passkey.
 */
export function describeFault(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const cause = rootMessage(error)
  return {
    type: error.name,
    message: error.message,
    ...(cause === error.message ? {} : { cause }),
    stack: error.stack,
  }
}
