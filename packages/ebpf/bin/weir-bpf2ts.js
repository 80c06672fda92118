#!/usr/bin/env node
import '../dist/src/codegen/main.js';
