/** What the product tells its operator about itself: metrics and logs, neither of which can hold content. */
export {
  createLogger,
  LOG_LEVELS,
  type LogFields,
  type Logger,
  type LoggerOptions,
  type LogLevel,
} from './logger.ts'
export { type ExchangeMetrics, Metrics, type MetricsOptions } from './metrics.ts'
export type { Tally } from './tally.ts'
