export { type Controlled, Controller, type Drain, type WantedService } from './controller.js';
export { RequestError } from './names.js';
export { type Simulated, Simulator } from './simulate.js';
