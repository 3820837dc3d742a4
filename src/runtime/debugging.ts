import type { AdjustableLogger } from './logger.ts'

/** What SIGUSR2 does. Said while it is on, so that it is said whatever the level is. */
export function toggleDebugging(log: AdjustableLogger, tellOthers: (isOn: boolean) => void = () => {}): void {
  const isOn = !log.isDebugging()
  log.setDebugging(true)
  log.info({}, isOn ? 'SIGUSR2: debugging' : 'SIGUSR2: the log is as configured again')
  log.setDebugging(isOn)
  tellOthers(isOn)
}
