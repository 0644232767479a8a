package errors

var packageCodes = []*Code{}
