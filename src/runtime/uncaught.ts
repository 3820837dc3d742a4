import type { Logger } from './logger.ts'

/** Logs an uncaught exception or rejection in one line and exits with code 1. */
export function endOnUncaught(log: Logger): void {
  process.on('uncaughtException', (error, origin) => {
    log.error({ err: error, origin }, 'uncaught exception, exiting')
    process.exit(1)
  })
}
