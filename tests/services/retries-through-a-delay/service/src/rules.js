// How often a delivery is tried.
exports.isGivenUp = (tries) => tries === 3;
