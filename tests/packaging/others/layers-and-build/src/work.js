exports.handler = async () => require('greeting');
