import { expect, test } from 'vitest'
import { createProgress } from '../../../src/cli/progress.ts'

function aTerminal(isTTY: boolean) {
  const written: string[] = []
  return { isTTY, write: (text: string) => written.push(text), written }
}

test('a terminal sees how far it is, on a line that is left empty at the end', () => {
  const terminal = aTerminal(true)
  const progress = createProgress(terminal)
  progress.show('reading', 50, 100)
  progress.clear()
  expect(terminal.written).toEqual([
    `\r\x1b[Kreading   [${'#'.repeat(15)}${' '.repeat(15)}] 50 %`,
    '\r\x1b[K',
  ])
})

test('anything but a terminal sees nothing', () => {
  const terminal = aTerminal(false)
  const progress = createProgress(terminal)
  progress.show('reading', 50, 100)
  progress.clear()
  expect(terminal.written).toEqual([])
})
