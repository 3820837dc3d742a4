import { expect, test } from 'vitest'
import { isMissing } from '../support/programs/programs.ts'
import { PROMETHEUS_CONFIG, RULE_FILES, RULE_TEST_FILES } from '../support/servers/monitoring.ts'
import { promtool } from '../support/servers/prometheus.ts'

test.skipIf(isMissing('promtool'))('promtool accepts the example configuration and every rule', () => {
  promtool('check', 'config', PROMETHEUS_CONFIG)
  promtool('check', 'rules', ...RULE_FILES)
})

test.skipIf(isMissing('promtool'))('every rule fires and stays silent when it should', () => {
  const output = promtool('test', 'rules', ...RULE_TEST_FILES)
  expect(output.match(/SUCCESS/g)).toHaveLength(RULE_TEST_FILES.length)
})
