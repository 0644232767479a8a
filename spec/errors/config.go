package errors

var configCodes = []*Code{}
