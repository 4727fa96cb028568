'use strict';

module.exports = class Fails {
  constructor() {
    throw new Error('there is nothing to do for it here');
  }
};
